//! The service through its clients, with stand-ins for the services it asks.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod challenges;
mod closed;
mod devices;
mod factors;
mod keys;
mod log;
mod login;
mod peers;
mod place;
mod refresh;
mod revocations;
mod service_accounts;
mod sessions;
mod step_up;
mod support;
mod validate;
