//! The record of what happened.

pub(crate) mod rest;
pub(crate) mod view;
