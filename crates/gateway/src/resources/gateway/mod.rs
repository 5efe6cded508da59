//! The gateway itself: its routes and upstreams, and who comes, for other proxies.

pub(crate) mod forward;
pub(crate) mod rest;
pub(crate) mod view;
