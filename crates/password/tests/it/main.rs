//! The contracts of password, through its clients, on each engine at hand.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "a failure is what a test is for")]

mod change;
mod credentials;
mod guard;
mod jobs;
mod node;
mod peers;
mod reset;
