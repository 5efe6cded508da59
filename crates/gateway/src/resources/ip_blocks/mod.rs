//! Addresses and networks that are kept out.

pub(crate) mod rest;
pub(crate) mod view;
