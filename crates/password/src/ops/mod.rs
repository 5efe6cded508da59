//! What password can do: one operation a file; what several share in `guard.rs`, `policy.rs` and `account.rs`.

mod account;
mod change_password;
mod check_strength;
mod forgot_password;
mod guard;
mod issue_reset;
mod policy;
mod put_credential;
mod reset_password;
mod verify_credential;

pub(crate) use change_password::change_password;
pub(crate) use check_strength::check_strength;
pub(crate) use forgot_password::{MAX_IDENTIFIER, forgot_password};
pub(crate) use issue_reset::issue_reset;
pub(crate) use put_credential::{NewSecret, put_credential};
pub(crate) use reset_password::{ResetProof, reset_password};
pub(crate) use verify_credential::{Tried, verify_credential};
