//! The ledger at its door: events go in by the producers' logs, entries come out by the contract.
//!
//! Each test runs on the embedded engine, and on a server where `DENIZEN_TEST_DATABASE_URL` names one, on each by calls
//! within the process and by calls over the network.

mod at_once;
mod bytes;
mod checkpoints;
mod lists;
mod people;
mod refusals;
mod retention;
mod statistics;
mod support;
mod trail;
mod world;
