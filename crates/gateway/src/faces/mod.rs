//! What knows protocols and no nouns.

pub(crate) mod body;
pub(crate) mod csv;
pub(crate) mod ctx;
pub(crate) mod etag;
pub(crate) mod failure;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod operations;
pub(crate) mod page;
pub(crate) mod picture;
pub(crate) mod query;
pub(crate) mod rest;
