//! Which route a request takes. The more specific route wins: by host, then by path, then by its other conditions,
//! and between equals the one that stands first (the order of the Kubernetes Gateway API, `HTTPRouteRule`).
//!
//! Hosts and paths are an index: finding costs the length of the path, not the number of routes.

mod conditions;
mod host;
mod pattern;
mod tree;

pub(crate) use conditions::{Conditions, Want};
pub(crate) use host::{HostPattern, canonical as canonical_host};
pub(crate) use pattern::{Captures, Pattern, Template};
pub(crate) use tree::{Index, Verdict};
