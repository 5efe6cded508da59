//! The program as its users have it: processes that start, refuse, stop, and are killed.

mod generated;
mod kill;
mod process;
mod roles;
mod split;
mod starts;
