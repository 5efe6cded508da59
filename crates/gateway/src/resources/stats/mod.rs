//! Figures about accounts, logins and messages.

pub(crate) mod rest;
pub(crate) mod view;
