//! What people may ask of those who keep their data.

pub(crate) mod rest;
mod view;
