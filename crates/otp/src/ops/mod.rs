//! What otp can do: one operation a file.

mod consume;
mod issue;
mod send_otp;
mod validate_otp;

pub(crate) use consume::{Proof, Proved, consume};
pub(crate) use issue::{IssueWish, Issued, issue};
pub(crate) use send_otp::{Recipient, SendWish, Sent, send_otp};
pub(crate) use validate_otp::validate_otp;
