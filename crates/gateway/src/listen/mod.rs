//! Sockets: accepting, time limits, and the orderly end.

mod accept;
mod beat;
mod pulse;

pub(crate) use accept::serve;
