//! The public forms of notifications.

use denizen_kit::time::Timestamp;
use denizen_rpc::{decode, notify::v1 as wire};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::resources::{filled, time};

/// A message to be sent. To one of `to` and `user_id`; with a `template`, or with a `body`.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NotificationForm {
    /// An e-mail address, a mobile number, or the token of a device.
    to: Option<String>,
    /// An account: its own address, number or devices.
    #[schema(format = Uuid)]
    user_id: Option<String>,
    /// `notice`: greets the reader by name; `data` holds `title`, `text` and perhaps `link`.
    template: Option<String>,
    /// Needed in a mail. `{{name}}` is replaced by the member of `data`.
    subject: Option<String>,
    /// The same goes for it.
    body: Option<String>,
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
}

/// The id of a message that was queued.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Queued {
    #[schema(format = Uuid)]
    pub(crate) notification_id: String,
}

/// A word on how a message fared.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct StatusForm {
    /// Ours, or that of another system: that is kept as an external notification.
    #[schema(required = true, nullable = false)]
    notification_id: Option<String>,
    /// `queued`, `sent`, `delivered`, `bounced`, `failed` or `opened`.
    #[schema(required = true, nullable = false)]
    status: Option<String>,
    /// Why it failed.
    error: Option<String>,
    /// When it happened; now, if it is not said.
    #[schema(value_type = Option<String>, format = DateTime)]
    timestamp: Option<Timestamp>,
}

/// Which notifications a list holds.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct NotificationsQuery {
    /// Only those to this account. Not together with `status`.
    pub(crate) user_id: Option<String>,
    /// Only those that fare so. Not together with `user_id`.
    pub(crate) status: Option<String>,
    /// How many items, 1 to 200; 50 when it is not given.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 200)]
    pub(crate) limit: Option<String>,
    /// Where the page starts: `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// A notification, without its words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Notification {
    id: String,
    /// `email`, `sms` or `push`.
    channel: String,
    /// What it says; null when it is external.
    template: Option<String>,
    /// Whom it is to; null when the address belongs to no account.
    #[schema(format = Uuid)]
    user_id: Option<String>,
    /// `queued`, `sent`, `delivered`, `bounced`, `failed`, `opened`, or `declined` by its reader's preferences.
    status: String,
    /// Why it failed or waits.
    error: Option<String>,
    /// Tries so far.
    attempts: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
    /// It was sent by another system, which reports on it here.
    external: bool,
    /// What was reported of it, the oldest first; not in lists.
    reports: Vec<StatusReport>,
}

/// What was reported of a notification.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusReport {
    status: String,
    error: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

// === impl NotificationForm ===

impl NotificationForm {
    pub(crate) fn into_message(self, channel: &str) -> wire::SendNotificationRequest {
        wire::SendNotificationRequest {
            channel: channel.to_owned(),
            to: self.to.unwrap_or_default(),
            user_id: self.user_id.unwrap_or_default(),
            template: self.template.unwrap_or_default(),
            subject: self.subject.unwrap_or_default(),
            body: self.body.unwrap_or_default(),
            data: self.data.map(|data| Value::Object(data).to_string()).unwrap_or_default(),
        }
    }
}

// === impl StatusForm ===

impl StatusForm {
    /// What is missing is told by the operation, which asks first whether the caller may report at all.
    pub(crate) fn into_message(self, channel: &str) -> wire::ReportStatusRequest {
        wire::ReportStatusRequest {
            channel: channel.to_owned(),
            notification_id: self.notification_id.unwrap_or_default(),
            status: self.status.unwrap_or_default(),
            error: self.error.unwrap_or_default(),
            timestamp: self.timestamp.map(decode::to_wire),
        }
    }
}

// === impl Notification ===

impl Notification {
    pub(crate) fn of(notification: wire::Notification) -> Self {
        Self {
            id: notification.id,
            channel: notification.channel,
            template: filled(notification.template),
            user_id: filled(notification.user_id),
            status: notification.status,
            error: filled(notification.error),
            attempts: notification.attempts,
            created_at: time(notification.created_at),
            sent_at: time(notification.sent_at),
            external: notification.external,
            reports: notification.reports.into_iter().map(StatusReport::of).collect(),
        }
    }
}

impl StatusReport {
    fn of(report: wire::Report) -> Self {
        Self { status: report.status, error: filled(report.error), at: time(report.at) }
    }
}
