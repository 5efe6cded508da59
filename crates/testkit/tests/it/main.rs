//! System stories, told at the door, over every topology.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests")]

mod account;
mod admin;
mod arrows;
mod bad_input;
mod codes;
mod outage;
mod races;
mod support;
