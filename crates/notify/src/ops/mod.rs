//! What notify does, one file each.

pub mod claim_due;
pub mod deliver;
pub mod list_messages;
pub mod sweep;
pub mod take_events;
