//! What administrators do with accounts and roles.

pub(crate) mod rest;
mod roles;
mod view;
