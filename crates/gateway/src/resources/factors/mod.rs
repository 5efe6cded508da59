//! Second factors.

pub(crate) mod rest;
pub(crate) mod view;
