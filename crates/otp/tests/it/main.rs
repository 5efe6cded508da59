//! The contracts of otp, through its clients, on each engine at hand.
#![recursion_limit = "256"]

mod guessing;
mod life;
mod support;
