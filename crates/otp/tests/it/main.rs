//! The contracts of otp, through its clients, on each engine at hand, called each way.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "a failure is what a test is for")]

mod erased;
mod guessing;
mod life;
mod support;
