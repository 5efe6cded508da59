//! Finish erasures that were begun: the keys, the objects, the other services, the files, the certificate. Each step can
//! be done again; a job does it when whoever began has gone.

use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::{Timestamp, after, before};
use denizen_rpc::LEASE;
use denizen_rpc::privacy::internal::v1::EraseRequest;

use super::erase_user::{Order, begin};
use super::folder;
use crate::App;
use crate::error::Result;
use crate::events::ErasureCertified;
use crate::model::certificate::Facts;
use crate::model::picture;
use crate::store::erasures::{self, Begun};

/// How long until no process can use a destroyed key: the lease, and a tenth for clocks that run unlike.
const WAIT: Duration = LEASE.saturating_add(Duration::from_millis(100));

/// How long the files may take to be cleaned before a job is left to do it.
const CLEANING: Duration = Duration::from_secs(3);

/// How old an unfinished erasure is before a job takes it up: whoever began it has its time until then.
const ABANDONED: Duration = Duration::from_secs(11);

/// How many erasures share one wait and one cleaning.
const CHUNK: i64 = 100;

/// Finishes erasures together: they share the wait for keys held elsewhere, and the cleaning of the files.
pub(crate) async fn finish(app: &App, cx: &Cx, begun: &[Begun]) -> Result<()> {
    let ids: Vec<UserId> = begun.iter().map(|begun| begun.user_id).collect();
    app.keys.destroy_for_good(cx, &ids).await?;
    let (destroyed_at, lapsed) = (cx.now(), tokio::time::Instant::now() + WAIT);
    let mut services = Vec::with_capacity(ids.len());
    for id in &ids {
        for objects in [picture::folder(*id), folder(*id)] {
            app.objects.delete_below(&objects).await?;
        }
        services.push(elsewhere(app, cx, *id).await);
    }
    tokio::time::sleep_until(lapsed).await;
    let cleaned = clean(app).await;
    for (begun, services) in begun.iter().zip(services) {
        let facts = Facts {
            id: cx.uuid(),
            user_id: begun.user_id,
            ordered_by: begun.ordered_by.clone(),
            begun_at: begun.at,
            key_destroyed_at: destroyed_at,
            issued_at: cx.now(),
            services,
            engine: app.db.engine(),
            cleaned,
            archives_until: after(destroyed_at, app.config.key_archive_retention),
        };
        certify(app, cx, &facts).await?;
    }
    Ok(())
}

/// Lets the other services delete what they hold. One that cannot be reached does so when it reads the event.
///
/// Password comes before auth: a login that looked the account up before it went finds no password, or its session is
/// among those that auth deletes.
async fn elsewhere(app: &App, cx: &Cx, id: UserId) -> Vec<(&'static str, &'static str)> {
    let request = || EraseRequest { user_id: id.to_string() };
    let (mut password, mut otp, mut notify) =
        (app.links.password_records(cx), app.links.otp_records(cx), app.links.notify_records(cx));
    let (password, otp, notify) =
        tokio::join!(password.erase(request()), otp.erase(request()), notify.erase(request()));
    let auth = app.links.auth_records(cx).erase(request()).await;
    let state = |service: &'static str, outcome: Option<tonic::Status>| match outcome {
        None => (service, "deleted"),
        Some(status) => {
            tracing::warn!(service, user.id = %id, code = ?status.code(), "an erasure is left to the event");
            (service, "ordered")
        }
    };
    vec![
        ("users", "deleted"),
        state("password", password.err()),
        state("otp", otp.err()),
        state("notify", notify.err()),
        state("auth", auth.err()),
        ("audit", "unreadable"),
    ]
}

/// SQLite: empties the write-ahead logs, so that nothing that was deleted can be read there.
async fn clean(app: &App) -> bool {
    let cleaning = async {
        app.db.checkpoint().await?;
        app.keys.checkpoint().await
    };
    match tokio::time::timeout(CLEANING, cleaning).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the write-ahead logs could not be emptied; a job goes on");
            false
        }
        Err(_late) => false,
    }
}

async fn certify(app: &App, cx: &Cx, facts: &Facts) -> Result<()> {
    let certificate = app.keys.certificates().certify(facts);
    let op = || async {
        let mut tx = app.db.write().await?;
        if erasures::finish(&mut tx, facts.user_id, &certificate, cx.now(), facts.cleaned).await? {
            tx.emit(cx, ErasureCertified { user_id: facts.user_id, certificate_id: facts.id });
        }
        Ok(tx.commit().await?)
    };
    Ok(app.db.run(cx, op).await?)
}

/// Goes on with what was begun and not finished, cleans files that could not be cleaned, and erases deleted accounts
/// whose time is over. True when there may be more at once.
pub(crate) async fn go_on(app: &App) -> Result<bool> {
    let cx = Cx::job(Role::Users, &app.clock);
    let abandoned = before(cx.now(), ABANDONED);
    let begun = erasures::unfinished(&mut app.db.single().await?, abandoned, CHUNK).await?;
    if !begun.is_empty() {
        finish(app, &cx, &begun).await?;
    }
    clean_up(app, &cx).await?;
    let retired = retire(app, &cx).await?;
    Ok(is_chunk(begun.len()) || is_chunk(retired))
}

fn is_chunk(count: usize) -> bool {
    i64::try_from(count).is_ok_and(|count| count >= CHUNK)
}

async fn clean_up(app: &App, cx: &Cx) -> Result<()> {
    let unclean = erasures::unclean(&mut app.db.single().await?, CHUNK).await?;
    if unclean.is_empty() || !clean(app).await {
        return Ok(());
    }
    let op = || async {
        let mut tx = app.db.write().await?;
        for user_id in &unclean {
            erasures::mark_clean(&mut tx, *user_id, cx.now()).await?;
        }
        Ok(tx.commit().await?)
    };
    Ok(app.db.run(cx, op).await?)
}

/// Erases accounts that were deleted longer ago than `users.deleted_retention`; how many were looked at.
async fn retire(app: &App, cx: &Cx) -> Result<usize> {
    let limit: Timestamp = before(cx.now(), app.config.deleted_retention);
    let overdue = erasures::overdue(&mut app.db.single().await?, limit, CHUNK).await?;
    let order = Order { by: "retention", reason_sealed: None, deleted_before: Some(limit) };
    let mut begun = Vec::with_capacity(overdue.len());
    for user_id in &overdue {
        begun.extend(begin(app, cx, *user_id, &order).await?);
    }
    if !begun.is_empty() {
        finish(app, cx, &begun).await?;
    }
    Ok(overdue.len())
}
