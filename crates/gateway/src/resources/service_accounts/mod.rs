//! Accounts of machines and their access tokens.

pub(crate) mod rest;
pub(crate) mod view;
