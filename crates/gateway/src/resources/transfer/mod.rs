//! Many accounts at once.

pub(crate) mod rest;
mod stream;
mod view;
