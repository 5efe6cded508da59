//! Every SQL statement of the service, and what its rows are.

mod devices;
mod factors;
mod records;
mod revocations;
mod service_accounts;
mod sessions;
mod signing_keys;

pub(crate) use devices::{delete_devices, device_seen_at, forget_devices, has_devices, remember_device};
pub(crate) use factors::{
    challenge, delete_challenges, enable, end_challenge, end_challenges, factor, forget_factor,
    has_recovery_code, insert_challenge, put_pending, put_recovery_codes, recent_challenge,
    recovery_codes_left, resend, reserve_try, use_recovery_code,
};
pub(crate) use records::{Record, delete_records, records};
pub(crate) use revocations::{
    Revocation, delete_revocations, insert_revocation, revocations, revocations_since,
};
pub(crate) use service_accounts::{
    clear_failures, count_failure, delete_failures, delete_secret, delete_secrets, delete_service_account,
    insert_secret, insert_service_account, limit_secret, lock, locked_until, secret, secrets,
    secrets_between, service_account, service_accounts, use_service_account,
};
pub(crate) use sessions::{
    Ended, delete_ended, end_begun, end_session, end_sessions, epoch, expire_sessions, insert_session,
    live_sessions, note_seen, oldest_live, raise_epoch, rotate, session, step_up,
};
pub(crate) use signing_keys::{
    delete_signing_keys, insert_signing_key, newest_signing_key, retire_signing_key, signing_keys,
};
