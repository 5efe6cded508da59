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
    (NotificationRequested::TYPE, "A service asked for a message to be sent."),
    (NotificationReported::TYPE, "A provider or a service reported how a message fared, one of ours or not."),
    (NotificationReplayed::TYPE, "A message that had failed for good was queued again."),
    (NotificationDiscarded::TYPE, "A message that had failed for good was thrown away."),
];

/// A message was handed over.
#[derive(Debug, serde::Serialize)]
pub struct NotificationDelivered {
    /// Whom it was to, if that is an account.
    #[serde(skip)]
    pub user_id: Option<UserId>,
    /// Which message.
    pub notification_id: MessageId,
    /// `email`, `sms` or `push`.
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
    /// `email`, `sms` or `push`.
    pub channel: &'static str,
    /// What it would have said.
    pub template: &'static str,
    /// Why: `no_address`, `expired`, `smtp_refused` …
    pub code: &'static str,
}

impl Event for NotificationDelivered {
    const TYPE: &'static str = "notification.delivered";

    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}

impl Event for NotificationDead {
    const TYPE: &'static str = "notification.dead";

    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}

/// A service asked for a message.
#[derive(Debug, serde::Serialize)]
pub struct NotificationRequested {
    /// Whom it is to, if that is an account.
    #[serde(skip)]
    pub user_id: Option<UserId>,
    /// Which message.
    pub notification_id: MessageId,
    /// `email`, `sms` or `push`.
    pub channel: &'static str,
}

/// Somebody reported how a message fared.
#[derive(Debug, serde::Serialize)]
pub struct NotificationReported {
    /// Whom it was to, if that is known.
    #[serde(skip)]
    pub user_id: Option<UserId>,
    /// Which message; none when it was sent by somebody else, whose ids say nothing here.
    pub notification_id: Option<MessageId>,
    /// `email`, `sms` or `push`.
    pub channel: &'static str,
    /// `queued`, `sent`, `delivered`, `bounced`, `failed` or `opened`.
    pub status: &'static str,
}

/// A dead message was queued again.
#[derive(Debug, serde::Serialize)]
pub struct NotificationReplayed {
    /// Whom it is to, if that is known.
    #[serde(skip)]
    pub user_id: Option<UserId>,
    /// Which message.
    pub notification_id: MessageId,
}

/// A dead message was thrown away.
#[derive(Debug, serde::Serialize)]
pub struct NotificationDiscarded {
    /// Whom it would have been to, if that is known.
    #[serde(skip)]
    pub user_id: Option<UserId>,
    /// Which message.
    pub notification_id: MessageId,
}

impl Event for NotificationRequested {
    const TYPE: &'static str = "notification.requested";

    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}

impl Event for NotificationReported {
    const TYPE: &'static str = "notification.reported";

    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}

impl Event for NotificationReplayed {
    const TYPE: &'static str = "notification.replayed";

    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}

impl Event for NotificationDiscarded {
    const TYPE: &'static str = "notification.discarded";

    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}
