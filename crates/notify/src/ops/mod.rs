//! What notify does, one file each.

pub mod claim_due;
pub mod collect_records;
pub mod deliver;
pub mod erase_records;
pub mod list_messages;
pub mod sweep;
pub mod take_events;
