//! The contracts of password, through its clients, on each engine at hand.
#![recursion_limit = "256"]

mod change;
mod credentials;
mod guard;
mod jobs;
mod node;
mod peers;
mod reset;
