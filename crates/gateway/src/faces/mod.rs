//! What knows protocols and no nouns.

pub(crate) mod body;
pub(crate) mod ctx;
pub(crate) mod etag;
pub(crate) mod failure;
pub(crate) mod page;
pub(crate) mod query;
pub(crate) mod rest;
