//! Every SQL statement of the service, and what its rows are.

mod revocations;
mod sessions;
mod signing_keys;

pub(crate) use revocations::{
    Revocation, delete_revocations, insert_revocation, revocations, revocations_since,
};
pub(crate) use sessions::{
    Ended, delete_ended, delete_expired, end_session, end_sessions, epoch, insert_session, live_sessions,
    oldest_live, raise_epoch, rotate, session, step_up,
};
pub(crate) use signing_keys::{insert_signing_key, public_keys, signing_key};
