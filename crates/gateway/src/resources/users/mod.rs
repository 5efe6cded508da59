//! Accounts.

mod change;
pub(crate) mod contact;
pub(crate) mod copies;
pub(crate) mod form;
mod list;
mod profile;
pub(crate) mod rest;
pub(crate) mod view;
