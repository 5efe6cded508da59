//! Small things that every other crate shares: one file each, nothing that fewer than three crates need.
//!
//! | module | what it is |
//! |---|---|
//! | [`id`] | typed UUIDv7, numbers for ids of requests and spans |
//! | [`time`] | the clock that can be set, timestamps, deadlines |
//! | [`caller`] | who calls, roles of services, permissions |
//! | [`cx`] | the context that every operation takes |
//! | [`network`] | which addresses are one customer's, and what ties a session to one |
//! | [`problem`] | the one vocabulary of failures |
//! | [`seal`] | encryption at rest, blind indexes, the root key, the master key that wraps it |
//! | [`config`] | settings from file and environment, all mistakes at once |
//! | [`telemetry`] | logs |
//! | [`trace`] | traces: the W3C context, sampling, spans until they are sent |
//! | [`task`] | named tasks and orderly shutdown |
//! | [`changes`] | whether a copy is as good as the original |
//! | [`bell`] | wakes streams when what they tell of has changed |

pub mod bell;
pub mod caller;
pub mod changes;
pub mod config;
pub mod cx;
pub mod id;
pub mod network;
pub mod problem;
pub mod seal;
pub mod task;
pub mod telemetry;
pub mod time;
pub mod trace;
