//! The contracts: decode, do, encode. One file each.

pub(crate) mod audit;
pub(crate) mod records;
pub(crate) mod reports;
pub(crate) mod statistics;
pub(crate) mod trail;
