//! The contract of `denizen-db`, on both engines.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod changes;
mod each;
mod group;
mod lag;
mod migrations;
mod once;
mod outbox;
mod postgres;
mod run;
mod standing;
mod support;
mod transactions;
mod values;
