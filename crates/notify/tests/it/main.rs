//! Notify as its neighbours see it: events in, letters out, with the other services played by [`support`]. Each story
//! runs on SQLite, and on PostgreSQL when `DENIZEN_TEST_DATABASE_URL` names a database to make schemas in.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod mails;
mod notices;
mod notifications;
mod queue;
mod sink;
mod stories;
mod support;
