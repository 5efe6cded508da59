//! Passwords.

pub(crate) mod rest;
pub(crate) mod view;
