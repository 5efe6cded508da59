//! Notifications and dead letters over REST.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use denizen_rpc::notify::v1 as wire;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::view::{Notification, NotificationForm, NotificationsQuery, Queued, StatusForm};
use crate::faces::body::Json;
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::page::{Page, page};
use crate::faces::query::{PageQuery, Query, limit};
use crate::state::App;

/// The operations on notifications and dead letters.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(get_notification))
        .routes(routes!(send_email))
        .routes(routes!(send_sms))
        .routes(routes!(send_push))
        .routes(routes!(report_email_status))
        .routes(routes!(report_sms_status))
        .routes(routes!(report_push_status))
        .routes(routes!(list_dead_letters))
        .routes(routes!(delete_dead_letter))
        .routes(routes!(replay_dead_letter))
}

async fn send(
    ctx: &Ctx,
    channel: &str,
    form: NotificationForm,
) -> Result<(StatusCode, axum::Json<Queued>), Failure> {
    let answer = ctx.notifications().send_notification(form.into_message(channel)).await?.into_inner();
    Ok((StatusCode::ACCEPTED, axum::Json(Queued { notification_id: answer.notification_id })))
}

async fn report(ctx: &Ctx, channel: &str, form: StatusForm) -> Result<axum::Json<Notification>, Failure> {
    let known = ctx.notifications().report_status(form.into_message(channel)).await?.into_inner();
    Ok(axum::Json(Notification::of(known)))
}

/// Send a mail
///
/// It is queued and sent soon after; its status can be looked up. Preferences are honoured. Needs `notifications:send`.
#[utoipa::path(post, path = "/api/v1/notifications/email", tag = "notifications", request_body = NotificationForm,
    responses((status = 202, description = "It is queued", body = Queued)))]
async fn send_email(
    ctx: Ctx,
    Json(form): Json<NotificationForm>,
) -> Result<(StatusCode, axum::Json<Queued>), Failure> {
    send(&ctx, "email", form).await
}

/// Send a text message
///
/// It is queued and sent soon after; its status can be looked up. Preferences are honoured. Needs `notifications:send`.
#[utoipa::path(post, path = "/api/v1/notifications/sms", tag = "notifications", request_body = NotificationForm,
    responses((status = 202, description = "It is queued", body = Queued)))]
async fn send_sms(
    ctx: Ctx,
    Json(form): Json<NotificationForm>,
) -> Result<(StatusCode, axum::Json<Queued>), Failure> {
    send(&ctx, "sms", form).await
}

/// Send a push message
///
/// It is queued and sent soon after; its status can be looked up. Preferences are honoured. Needs `notifications:send`.
#[utoipa::path(post, path = "/api/v1/notifications/push", tag = "notifications", request_body = NotificationForm,
    responses((status = 202, description = "It is queued", body = Queued)))]
async fn send_push(
    ctx: Ctx,
    Json(form): Json<NotificationForm>,
) -> Result<(StatusCode, axum::Json<Queued>), Failure> {
    send(&ctx, "push", form).await
}

/// Report the status of a mail
///
/// For providers and services. A message that was not sent from here is kept as an external one. Needs
/// `notifications:send`.
#[utoipa::path(post, path = "/api/v1/email/status", tag = "notifications", request_body = StatusForm,
    responses((status = 200, description = "What is known of it now", body = Notification)))]
async fn report_email_status(
    ctx: Ctx,
    Json(form): Json<StatusForm>,
) -> Result<axum::Json<Notification>, Failure> {
    report(&ctx, "email", form).await
}

/// Report the status of a text message
///
/// For providers and services. A message that was not sent from here is kept as an external one. Needs
/// `notifications:send`.
#[utoipa::path(post, path = "/api/v1/sms/status", tag = "notifications", request_body = StatusForm,
    responses((status = 200, description = "What is known of it now", body = Notification)))]
async fn report_sms_status(
    ctx: Ctx,
    Json(form): Json<StatusForm>,
) -> Result<axum::Json<Notification>, Failure> {
    report(&ctx, "sms", form).await
}

/// Report the status of a push message
///
/// For providers and services. A message that was not sent from here is kept as an external one. Needs
/// `notifications:send`.
#[utoipa::path(post, path = "/api/v1/push/status", tag = "notifications", request_body = StatusForm,
    responses((status = 200, description = "What is known of it now", body = Notification)))]
async fn report_push_status(
    ctx: Ctx,
    Json(form): Json<StatusForm>,
) -> Result<axum::Json<Notification>, Failure> {
    report(&ctx, "push", form).await
}

/// List notifications
///
/// The newest first. Needs `notifications:read`.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications", params(NotificationsQuery),
    responses((status = 200, description = "A page of notifications", body = Page<Notification>, headers(("Link" = String)))))]
async fn list_notifications(
    ctx: Ctx,
    Query(query, uri): Query<NotificationsQuery>,
) -> Result<Response, Failure> {
    let message = wire::ListNotificationsRequest {
        limit: limit(query.limit)?,
        cursor: query.cursor.unwrap_or_default(),
        user_id: query.user_id.unwrap_or_default(),
        status: query.status.unwrap_or_default(),
    };
    let answer = ctx.notifications().list_notifications(message).await?.into_inner();
    Ok(page(&uri, answer.items.into_iter().map(Notification::of).collect(), answer.next_cursor, None))
}

/// Look up a notification
///
/// For who sent it, its reader, and `notifications:read`.
#[utoipa::path(get, path = "/api/v1/notifications/{id}", tag = "notifications", params(("id" = String, Path, description = "Id of the notification")),
    responses((status = 200, description = "The notification", body = Notification)))]
async fn get_notification(ctx: Ctx, Path(id): Path<String>) -> Result<axum::Json<Notification>, Failure> {
    let found = ctx.notifications().get_notification(wire::GetNotificationRequest { id }).await?.into_inner();
    Ok(axum::Json(Notification::of(found)))
}

/// List dead letters
///
/// What failed for good, the newest first. Needs `notifications:manage`.
#[utoipa::path(get, path = "/api/v1/admin/dead-letters", tag = "admin", params(PageQuery),
    responses((status = 200, description = "A page of dead letters", body = Page<Notification>, headers(("Link" = String)))))]
async fn list_dead_letters(ctx: Ctx, Query(query, uri): Query<PageQuery>) -> Result<Response, Failure> {
    let limit = limit(query.limit)?;
    let message = wire::ListDeadLettersRequest { limit, cursor: query.cursor.unwrap_or_default() };
    let answer = ctx.dead_letters().list_dead_letters(message).await?.into_inner();
    Ok(page(&uri, answer.items.into_iter().map(Notification::of).collect(), answer.next_cursor, None))
}

/// Send a dead letter again
///
/// All its tries are before it again. Needs `notifications:manage`.
#[utoipa::path(post, path = "/api/v1/admin/dead-letters/{id}/replay", tag = "admin", params(("id" = String, Path, description = "Id of the notification")),
    responses((status = 202, description = "It is queued", body = Notification)))]
async fn replay_dead_letter(
    ctx: Ctx,
    Path(id): Path<String>,
) -> Result<(StatusCode, axum::Json<Notification>), Failure> {
    let queued = ctx.dead_letters().replay_dead_letter(wire::ReplayDeadLetterRequest { id }).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(Notification::of(queued.into_inner()))))
}

/// Throw a dead letter away
///
/// Needs `notifications:manage`.
#[utoipa::path(delete, path = "/api/v1/admin/dead-letters/{id}", tag = "admin", params(("id" = String, Path, description = "Id of the notification")),
    responses((status = 204, description = "It is gone")))]
async fn delete_dead_letter(ctx: Ctx, Path(id): Path<String>) -> Result<StatusCode, Failure> {
    ctx.dead_letters().delete_dead_letter(wire::DeleteDeadLetterRequest { id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
