#![doc = include_str!("../README.md")]

mod caller;
pub mod decode;
mod follow;
mod keyring;
mod link;
mod method;
mod peer;
mod raw;
mod serve;
mod services;
mod spans;
mod status;

#[expect(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated from the contracts, documented there"
)]
mod contracts {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

pub use contracts::denizen::{audit, auth, events, notify, otp, password, privacy, users};

pub use caller::Signer;
pub use follow::Follower;
pub use keyring::{KeyRing, LEASE, place};
pub use link::{Link, Links};
pub use method::{METHODS, Method};
pub use peer::Peer;
pub use serve::{Reply, serve};
pub use services::{Network, Services};
pub use status::{problem_from, status_from};
