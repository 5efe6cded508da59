//! System stories, told at the door, over every topology.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests")]

mod account;
mod admin;
mod arrows;
mod at_once;
mod audit;
mod bad_input;
mod codes;
mod dialects;
mod erasure;
mod factors;
mod guarding;
mod import;
mod links;
mod notifications;
mod outage;
mod privacy;
mod profiles;
mod races;
mod refusals;
mod residue;
mod routing;
mod services;
mod standing;
mod support;
mod takeovers;
mod traces;
