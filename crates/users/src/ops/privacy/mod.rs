//! What people may ask of those who keep their data.

pub(crate) mod build_export;
pub(crate) mod collect_account;
pub(crate) mod download_export;
pub(crate) mod erase_user;
pub(crate) mod finish_erasures;
pub(crate) mod get_export;
pub(crate) mod list_consents;
pub(crate) mod pseudonymise;
pub(crate) mod set_consents;
pub(crate) mod set_restriction;
pub(crate) mod start_export;

use denizen_kit::id::UserId;

/// Where the archives of a person are in the object store.
pub(crate) fn folder(user_id: UserId) -> String {
    format!("exports/{user_id}")
}
