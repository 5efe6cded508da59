//! Accounts.

pub(crate) mod contact;
pub(crate) mod form;
pub(crate) mod rest;
pub(crate) mod view;
