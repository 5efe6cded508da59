//! Logging in, tokens.

pub(crate) mod rest;
pub(crate) mod view;
