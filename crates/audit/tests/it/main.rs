//! The ledger at its door: events go in by the producers' logs, entries come out by the contract.
//!
//! Each test runs on the embedded engine, and on a server where `DENIZEN_TEST_DATABASE_URL` names one.

mod lists;
mod people;
mod support;
mod trail;
mod world;
