//! What notify tells: that a message was delivered, or that it never will be.

use denizen_db::Event;
use denizen_kit::id::UserId;

use crate::model::MessageId;

/// Type and meaning of each event.
pub const EVENTS: &[(&str, &str)] = &[
    (
        NotificationDelivered::TYPE,
        "A message was handed to the mail server, or to the mailbox in development.",
    ),
    (NotificationDead::TYPE, "A message failed for good and is not tried again by itself; code says why."),
];

/// A message was handed over.
#[derive(Debug, serde::Serialize)]
pub struct NotificationDelivered {
    /// Whom it was to.
    #[serde(skip)]
    pub user_id: UserId,
    /// Which message.
    pub notification_id: MessageId,
    /// `email` or `sms`.
    pub channel: &'static str,
    /// What it said.
    pub template: &'static str,
}

/// A message failed for good.
#[derive(Debug, serde::Serialize)]
pub struct NotificationDead {
    /// Whom it was to, if that is known.
    #[serde(skip)]
    pub user_id: Option<UserId>,
    /// Which message.
    pub notification_id: MessageId,
    /// `email` or `sms`.
    pub channel: &'static str,
    /// What it would have said.
    pub template: &'static str,
    /// Why: `no_address`, `expired`, `smtp_refused` …
    pub code: &'static str,
}

impl Event for NotificationDelivered {
    const TYPE: &'static str = "notification.delivered";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

impl Event for NotificationDead {
    const TYPE: &'static str = "notification.dead";

    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}
