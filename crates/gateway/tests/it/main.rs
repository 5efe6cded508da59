//! The gateway as its clients see it, without the services behind it.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod changes;
mod door;
mod routes;
mod setting;
mod sockets;
mod system;
mod upstream;
mod upstreams;
