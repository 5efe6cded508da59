//! The reverse proxy: requests that go on to other services, and what is kept of their answers.

pub(crate) mod cache;
