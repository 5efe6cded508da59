//! What knows nouns and no protocol: for each noun its public form and its operations at each face.

pub(crate) mod administration;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod factors;
pub(crate) mod gateway;
pub(crate) mod ip_blocks;
pub(crate) mod notifications;
pub(crate) mod otp;
pub(crate) mod password;
pub(crate) mod privacy;
pub(crate) mod service_accounts;
pub(crate) mod sessions;
pub(crate) mod stats;
pub(crate) mod transfer;
pub(crate) mod users;

use denizen_kit::time::Timestamp;
use denizen_rpc::decode;

/// A time of an answer; none when it is not set or beyond the calendar.
fn time(at: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    decode::from_wire(&at?, "").ok()
}

/// A text that is empty where there is none.
fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
