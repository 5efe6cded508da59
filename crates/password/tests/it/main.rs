//! The contracts of password, through its clients, on each engine at hand, called each way.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "a failure is what a test is for")]

mod blocks;
mod change;
mod credentials;
mod forms;
mod guard;
mod jobs;
mod node;
mod once;
mod reset;
mod transfer;
