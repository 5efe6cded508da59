//! The service through its clients, with stand-ins for the services it asks: on each engine, over each link.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests")]

mod addresses;
mod deletion;
mod directory;
mod factors;
mod imports;
mod jobs;
mod lists;
mod opening;
mod peers;
mod pictures;
mod place;
mod profile;
mod roles;
mod standing;
mod support;
mod takeovers;
