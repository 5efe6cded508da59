//! Take a provider's or a service's word on a notification. One that was not sent from here is kept as an external one.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;

use super::get_notification::{Found, find};
use crate::App;
use crate::error::Result;
use crate::events::NotificationReported;
use crate::model::{Channel, MessageId};
use crate::report::Status;
use crate::store::notifications::{self, Report};

/// What the words of reporters are sealed for.
pub const ERROR_PLACE: &[u8] = b"notify/report";

/// Longest id that another system may use, and longest reason, in characters.
const MAX_ID: usize = 128;
const MAX_ERROR: usize = 1_000;

/// A report, as it came.
#[derive(Clone, Debug)]
pub struct Word {
    /// Of which channel.
    pub channel: Channel,
    /// The notification's id, ours or not.
    pub notification_id: String,
    /// What is reported.
    pub status: Status,
    /// Why it failed; empty for nothing.
    pub error: String,
    /// When it happened; now, if it is not said.
    pub at: Option<Timestamp>,
}

/// Keeps it, and says what is known of the notification now.
pub async fn report_status(app: &App, cx: &Cx, word: &Word) -> Result<Found> {
    cx.require(Permission::NotificationsSend)?;
    check(word)?;
    let error = (!word.error.is_empty()).then(|| app.keys.strangers.seal_text(ERROR_PLACE, &word.error));
    let own_id = word.notification_id.parse::<MessageId>().ok();

    let mut tx = app.db.write().await?;
    let own = match own_id {
        Some(id) => notifications::notification(&mut tx, id).await?,
        None => None,
    };
    if own.as_ref().is_some_and(|own| own.channel != word.channel) {
        let detail = "this notification went another way; report it at the path of its channel";
        return Err(Problem::invalid("/notification_id", "other_channel", detail).into());
    }
    let report = Report {
        id: cx.uuid(),
        // One spelling of our own ids, so that reports are found again.
        notification_id: own.as_ref().map_or_else(|| word.notification_id.clone(), |own| own.id.to_string()),
        user_id: own.as_ref().and_then(|own| own.user_id),
        channel: word.channel,
        status: word.status,
        error,
        at: word.at.unwrap_or_else(|| cx.now()),
    };
    notifications::insert_report(&mut tx, &report, cx.now()).await?;
    if let Some(own) = &own {
        notifications::set_status(&mut tx, own.id, own.status.after(word.status)).await?;
    }
    tx.emit(
        cx,
        NotificationReported {
            user_id: report.user_id,
            notification_id: own.as_ref().map(|own| own.id),
            channel: word.channel.as_str(),
            status: word.status.as_str(),
        },
    );
    tx.commit().await?;
    find(app, &report.notification_id).await
}

fn check(word: &Word) -> Result<()> {
    let id = &word.notification_id;
    if id.is_empty() || id.chars().count() > MAX_ID || id.chars().any(char::is_control) {
        let detail = "notification_id is the id of the notification, 1 to 128 characters";
        return Err(Problem::invalid("/notification_id", "invalid_format", detail).into());
    }
    if word.error.chars().count() > MAX_ERROR {
        return Err(Problem::invalid("/error", "too_long", "an error has at most 1,000 characters").into());
    }
    Ok(())
}
