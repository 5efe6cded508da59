//! The program as its users have it: processes that start, refuse, stop, and are killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod dashboards;
mod figures;
mod generated;
mod keys;
mod kill;
mod process;
mod references;
mod residue;
mod roles;
mod split;
mod starts;
