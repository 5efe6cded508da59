//! What passwords, resets and the guard are. Pure rules.

mod common;
mod guard;
mod network;
mod password;
mod policy;
mod reset;
mod similar;
mod strength;

pub(crate) use guard::{ACCOUNT_LIMIT, DAY, DAY_LIMIT, GuardName, delay, source_name};
pub(crate) use network::{BadNetwork, Network};
pub(crate) use password::{MAX_CHARS, Password};
pub(crate) use policy::Fault;
pub use policy::Policy;
pub(crate) use reset::{By, Channel, ResetRequest, Via, channel_for, decode_token, encode_token};
pub(crate) use strength::Rating;
