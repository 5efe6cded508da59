//! Requests to the operator's upstreams.

#![expect(dead_code, reason = "routes that lead here are wired in beside this")]

mod forward;
mod forward_errors;
mod headers;
mod upgrade;
