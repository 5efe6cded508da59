//! System stories, told at the door, over every topology.

#![expect(clippy::print_stdout, reason = "which topology a failure is of")]

mod account;
mod admin;
mod arrows;
mod bad_input;
mod codes;
mod outage;
mod races;
mod support;
