//! Erase an account for good. The account's rows go in one transaction with the ledger's entry; from then on nobody can
//! log in, the identifiers are free, and whatever comes after can be done again by a job: the key, the other services,
//! the files, the certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_db::Tx;
use denizen_kit::caller::{Permission, Role};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Timestamp;
use denizen_rpc::place;

use super::finish_erasures::finish;
use crate::App;
use crate::error::{Error, Result};
use crate::events::UserErased;
use crate::model::Reason;
use crate::model::certificate::Certificate;
use crate::ops::end_sessions::end_sessions;
use crate::ops::{permit, prove::prove, reach};
use crate::store;
use crate::store::erasures::{self, Begun, Standing};

/// Why the sessions end, in the audit trail.
const ENDED: &str = "account_erased";

/// What comes with the wish to erase.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) password: Option<String>,
    pub(crate) reason: Option<Reason>,
}

/// Who wants an account erased.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// `owner`, `administrator`, `operator` or `retention`.
    pub(crate) by: &'static str,
    /// Sealed to the administrator who gave it.
    pub(crate) reason_sealed: Option<Vec<u8>>,
    /// Only if it was deleted before this time.
    pub(crate) deleted_before: Option<Timestamp>,
}

/// Erases the account: the owner after a fresh proof, another's with `privacy:write` and a reason. Asking again gives the
/// same certificate. The last administrator stays.
pub(crate) async fn erase_user(app: &App, cx: &Cx, id: UserId, wish: &Wish) -> Result<Certificate> {
    permit(app, cx, cx.require_self_or(id, Permission::PrivacyWrite)).await?;
    if let Some(certificate) = erasures::certificate(&mut app.db.single().await?, id).await? {
        return Ok(certificate);
    }
    let begun = erasures::begun(&mut app.db.single().await?, id).await?;
    let begun = match begun {
        Some(begun) => begun,
        None => order(app, cx, id, wish).await?.ok_or(Error::NoSuchUser)?,
    };
    finish(app, cx, &[begun]).await.map_err(|error| Error::ErasureUnderWay(error.into()))?;
    let certificate = erasures::certificate(&mut app.db.single().await?, id).await?;
    certificate.ok_or_else(|| Error::ErasureUnderWay(Problem::of(Code::Internal)))
}

async fn order(app: &App, cx: &Cx, id: UserId, wish: &Wish) -> Result<Option<Begun>> {
    check(app, cx, id).await?;
    let order = if cx.is_self(id) {
        prove(app, cx, id, wish.password.as_deref()).await?;
        Order { by: "owner", reason_sealed: None, deleted_before: None }
    } else {
        let reason = wish.reason.as_ref().ok_or_else(no_reason)?;
        let by = if cx.person().is_some() { "administrator" } else { "operator" };
        Order { by, reason_sealed: sealed(app, cx, reason).await?, deleted_before: None }
    };
    end_sessions(app, cx, id, ENDED).await?;
    begin(app, cx, id, &order).await
}

/// Refuses what the write would refuse, before sessions end for nothing.
async fn check(app: &App, cx: &Cx, id: UserId) -> Result<()> {
    let op = || async {
        let mut tx = app.db.read().await?;
        let standing = erasures::standing(&mut tx, id).await.map_err(Problem::from)?;
        let standing = standing.ok_or_else(|| Problem::from(Error::NoSuchUser))?;
        Ok(check_standing(&mut tx, cx, id, &standing).await?)
    };
    Ok(app.db.run(cx, op).await?)
}

async fn check_standing(tx: &mut Tx, cx: &Cx, id: UserId, standing: &Standing) -> Result<()> {
    let is_job = cx.person().is_none() && cx.caller().service == Role::Users;
    if !is_job {
        reach::require_reach_of(tx, cx, id, &standing.roles).await?;
    }
    let is_admin = standing.deleted_at.is_none() && standing.roles.iter().any(|role| role == "admin");
    if is_admin && !store::another_admin(tx, id).await? {
        return Err(Error::LastAdministrator);
    }
    Ok(())
}

fn no_reason() -> Problem {
    Problem::invalid("/reason", "required", "say why the account of somebody else is erased")
}

/// The reason, sealed to who gave it: it must not go with the person it is about, nor stay readable for all.
async fn sealed(app: &App, cx: &Cx, reason: &Reason) -> Result<Option<Vec<u8>>> {
    let Some(person) = cx.person() else { return Ok(None) };
    let key = app.keys.of(person.user_id).await?;
    Ok(Some(key.seal_text(&place(person.user_id, "users/erasure-reason"), reason.as_str())))
}

/// Writes the erasure into the ledger and removes the account, in one transaction. None when the order does not fit any
/// more.
pub(crate) async fn begin(app: &App, cx: &Cx, id: UserId, order: &Order) -> Result<Option<Begun>> {
    Ok(app.db.run(cx, || async { Ok(write(app, cx, id, order).await?) }).await?)
}

async fn write(app: &App, cx: &Cx, id: UserId, order: &Order) -> Result<Option<Begun>> {
    let mut tx = app.db.write().await?;
    let Some(standing) = erasures::standing(&mut tx, id).await? else {
        return erasures::begun(&mut tx, id).await;
    };
    let is_due = |before| standing.deleted_at.is_some_and(|deleted_at| deleted_at < before);
    if order.deleted_before.is_some_and(|before| !is_due(before)) {
        return Ok(None);
    }
    check_standing(&mut tx, cx, id, &standing).await?;
    let begun = Begun { user_id: id, at: cx.now(), ordered_by: order.by.to_owned() };
    erasures::insert(&mut tx, &begun, order.reason_sealed.clone()).await?;
    erasures::remove(&mut tx, id).await?;
    let from = if standing.deleted_at.is_some() { "deleted".to_owned() } else { standing.status };
    let reason_sealed = order.reason_sealed.as_ref().map(|sealed| STANDARD.encode(sealed));
    let event =
        UserErased { user_id: id, from, to: "erased", roles: standing.roles, by: order.by, reason_sealed };
    tx.emit(cx, event);
    tx.commit().await?;
    Ok(Some(begun))
}
