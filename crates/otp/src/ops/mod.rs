//! What otp can do: one operation a file.

mod collect_records;
mod consume;
mod erase_records;
mod forget_person;
mod issue;
mod send_otp;
mod validate_otp;

pub(crate) use collect_records::collect_records;
pub(crate) use consume::{Proof, Proved, consume, look};
pub(crate) use erase_records::erase_records;
pub(crate) use forget_person::{PRODUCER, take_events};
pub(crate) use issue::{IssueWish, Issued, issue};
pub(crate) use send_otp::{Recipient, SendWish, Sent, send_otp};
pub(crate) use validate_otp::validate_otp;
