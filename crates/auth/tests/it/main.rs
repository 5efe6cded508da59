//! The service through its clients, with stand-ins for the services it asks.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod login;
mod peers;
mod refresh;
mod revocations;
mod sessions;
mod step_up;
mod support;
mod validate;
