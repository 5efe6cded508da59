//! The gateway as its clients see it, without the services behind it.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod acme;
mod bodies;
mod caches;
mod certificates;
mod changes;
mod door;
mod framing;
mod grpc;
mod hall;
mod issuers;
mod limits;
mod passing;
mod patience;
mod proxied;
mod reloads;
mod renewals;
mod routes;
mod setting;
mod sockets;
mod system;
mod tls;
mod tunnels;
mod upstream;
mod upstreams;
