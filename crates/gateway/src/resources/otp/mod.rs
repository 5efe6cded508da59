//! One-time passwords.

pub(crate) mod rest;
pub(crate) mod view;
