//! The contracts of what services send, and of dead letters.

use std::sync::Arc;

use denizen_kit::caller::Permission;
use denizen_kit::problem::Problem;
use denizen_rpc::notify::v1 as p;
use denizen_rpc::notify::v1::dead_letters_server::DeadLetters;
use denizen_rpc::notify::v1::notifications_server::Notifications;
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::App;
use crate::model::Channel;
use crate::ops::allow;
use crate::ops::delete_dead_letter::delete_dead_letter;
use crate::ops::get_notification::{Found, get_notification};
use crate::ops::list_notifications::list_notifications;
use crate::ops::replay_dead_letter::replay_dead_letter;
use crate::ops::report_status::{ERROR_PLACE, Word, report_status};
use crate::ops::send_notification::{prepare, send_notification};
use crate::report::Status;
use crate::store::notifications::{Notification, Report, Which};
use crate::wish::{Fields, Wish};

/// What services send, as a service.
pub(crate) struct NotificationsService(pub(crate) Arc<App>);

/// What could not be delivered, as a service.
pub(crate) struct DeadLettersService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl Notifications for NotificationsService {
    async fn send_notification(
        &self,
        request: Request<p::SendNotificationRequest>,
    ) -> Reply<p::SendNotificationResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            const METHOD: &str = "notify.SendNotification";
            if let Some(reply) = app.db.kept(&cx, METHOD).await? {
                return Ok(reply);
            }
            allow(app, &cx, Permission::NotificationsSend).await?;
            let wish = Wish::read(&fields(request))?;
            let prepared = prepare(app, &cx, &wish).await?;
            let queued = app.db.run_once(&cx, METHOD, || async {
                let id = send_notification(app, &cx, &prepared).await?;
                Ok(p::SendNotificationResponse { notification_id: id.to_string() })
            });
            let reply = queued.await?;
            app.bell(wish.channel).notify_one();
            Ok(reply)
        })
        .await
    }

    async fn get_notification(&self, request: Request<p::GetNotificationRequest>) -> Reply<p::Notification> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(encode_found(app, &request.id, get_notification(app, &cx, &request.id).await?))
        })
        .await
    }

    async fn list_notifications(
        &self,
        request: Request<p::ListNotificationsRequest>,
    ) -> Reply<p::ListNotificationsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            allow(app, &cx, Permission::NotificationsRead).await?;
            let limit = decode::limit(request.limit)?;
            let which = which(&request)?;
            let (items, next_cursor) = list_notifications(app, &cx, which, limit, &request.cursor).await?;
            Ok(p::ListNotificationsResponse { items: items.into_iter().map(encode).collect(), next_cursor })
        })
        .await
    }

    async fn report_status(&self, request: Request<p::ReportStatusRequest>) -> Reply<p::Notification> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            allow(app, &cx, Permission::NotificationsSend).await?;
            let word = word(request)?;
            let reported = app.db.run_once(&cx, "notify.ReportStatus", || async {
                let found = report_status(app, &cx, &word).await?;
                Ok(encode_found(app, &word.notification_id, found))
            });
            reported.await
        })
        .await
    }
}

#[tonic::async_trait]
impl DeadLetters for DeadLettersService {
    async fn list_dead_letters(
        &self,
        request: Request<p::ListDeadLettersRequest>,
    ) -> Reply<p::ListDeadLettersResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            allow(app, &cx, Permission::NotificationsManage).await?;
            let limit = decode::limit(request.limit)?;
            let (items, next_cursor) =
                list_notifications(app, &cx, Which::Dead, limit, &request.cursor).await?;
            Ok(p::ListDeadLettersResponse { items: items.into_iter().map(encode).collect(), next_cursor })
        })
        .await
    }

    async fn replay_dead_letter(
        &self,
        request: Request<p::ReplayDeadLetterRequest>,
    ) -> Reply<p::Notification> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            // An id that cannot be is one that is not there.
            let id = request.id.parse().unwrap_or_else(|_| cx.id());
            let replayed = app.db.run_once(&cx, "notify.ReplayDeadLetter", || async {
                Ok(encode(replay_dead_letter(app, &cx, id).await?))
            });
            let answer = replayed.await?;
            app.ring();
            Ok(answer)
        })
        .await
    }

    async fn delete_dead_letter(
        &self,
        request: Request<p::DeleteDeadLetterRequest>,
    ) -> Reply<p::DeleteDeadLetterResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let id = request.id.parse().unwrap_or_else(|_| cx.id());
            let deleted = app.db.run_once(&cx, "notify.DeleteDeadLetter", || async {
                delete_dead_letter(app, &cx, id).await?;
                Ok(p::DeleteDeadLetterResponse {})
            });
            deleted.await
        })
        .await
    }
}

// === decode ===

fn fields(request: p::SendNotificationRequest) -> Fields {
    Fields {
        channel: request.channel,
        to: request.to,
        user_id: request.user_id,
        template: request.template,
        subject: request.subject,
        body: request.body,
        data: request.data,
    }
}

fn which(request: &p::ListNotificationsRequest) -> Result<Which, Problem> {
    match (request.user_id.as_str(), request.status.as_str()) {
        ("", "") => Ok(Which::All),
        (user_id, "") => Ok(Which::OfUser(decode::id(user_id)?)),
        ("", status) => {
            let unknown = || {
                let all = Status::ALL.map(Status::as_str).join(", ");
                Problem::invalid("/status", "unknown", format!("the status is one of {all}"))
            };
            Ok(Which::OfStatus(Status::parse(status).ok_or_else(unknown)?))
        }
        _ => Err(Problem::invalid("/status", "conflict", "filter by user_id or by status, not by both")),
    }
}

fn word(request: p::ReportStatusRequest) -> Result<Word, Problem> {
    let channel = Channel::parse(&request.channel);
    let channel = channel.ok_or_else(|| Problem::invalid("/channel", "unknown", "email, sms or push"))?;
    let unknown = || {
        let detail = "the status is queued, sent, delivered, bounced, failed or opened";
        Problem::invalid("/status", "unknown", detail)
    };
    let status = Status::parse_report(&request.status).ok_or_else(unknown)?;
    let at = request.timestamp.as_ref().map(|at| decode::from_wire(at, "/timestamp")).transpose()?;
    Ok(Word { channel, notification_id: request.notification_id, status, error: request.error, at })
}

// === encode ===

fn encode(notification: Notification) -> p::Notification {
    p::Notification {
        id: notification.id.to_string(),
        channel: notification.channel.as_str().to_owned(),
        template: notification.template,
        user_id: notification.user_id.map(|user_id| user_id.to_string()).unwrap_or_default(),
        status: notification.status.as_str().to_owned(),
        error: notification.error.unwrap_or_default(),
        attempts: notification.attempts,
        created_at: Some(decode::to_wire(notification.created_at)),
        sent_at: notification.sent_at.map(decode::to_wire),
        external: false,
        reports: Vec::new(),
    }
}

fn encode_found(app: &App, id: &str, found: Found) -> p::Notification {
    let reports: Vec<p::Report> = found.reports.iter().map(|report| encode_report(app, report)).collect();
    match found.notification {
        Some(notification) => p::Notification { reports, ..encode(notification) },
        None => external(id, &found.reports, reports),
    }
}

/// What can be said of a notification that was sent by somebody else.
fn external(id: &str, kept: &[Report], reports: Vec<p::Report>) -> p::Notification {
    let status = kept.iter().fold(Status::Queued, |status, report| status.after(report.status));
    let first = kept.first();
    p::Notification {
        id: id.to_owned(),
        channel: first.map(|report| report.channel.as_str().to_owned()).unwrap_or_default(),
        status: status.as_str().to_owned(),
        created_at: first.map(|report| decode::to_wire(report.at)),
        external: true,
        reports,
        ..p::Notification::default()
    }
}

fn encode_report(app: &App, report: &Report) -> p::Report {
    let open = |sealed: &Vec<u8>| app.keys.strangers.open_text(ERROR_PLACE, sealed).ok();
    p::Report {
        status: report.status.as_str().to_owned(),
        error: report.error.as_ref().and_then(open).unwrap_or_default(),
        at: Some(decode::to_wire(report.at)),
    }
}
