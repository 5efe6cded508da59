//! What services send to people, how it fared, and what could not be delivered.

pub(crate) mod rest;
pub(crate) mod view;
