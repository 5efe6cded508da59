//! Reset a password by the token of a link or by a code: once; all sessions end. Until the proof holds, nothing is said
//! that depends on the account.

use std::time::Duration;

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::same_secret;
use denizen_kit::time::after;
use denizen_rpc::otp::internal::v1::{CodeOfUser, ConsumeRequest, consume_request::Proof};
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::problem_from;
use denizen_rpc::users::internal::v1::{LookupRequest, lookup_request};
use uuid::Uuid;

use super::account::{context_of, end_latecomers, end_sessions};
use super::{MAX_IDENTIFIER, policy};
use crate::App;
use crate::error::{Error, Result};
use crate::events::PasswordReset;
use crate::hash::Hashed;
use crate::model::{Password, decode_token};
use crate::pool::Ticket;
use crate::store;
use crate::store::reset::Reset;

const METHOD: &str = "password.ResetPassword";
const POINTER: &str = "/new_password";

/// How long a code that was proved is remembered, for a second try with a better password.
const PROVED_FOR: Duration = Duration::from_secs(5 * 60);

/// What somebody brings.
pub(crate) enum ResetProof {
    Token(String),
    Code { identifier: String, code: String },
}

// === impl ResetProof ===

impl ResetProof {
    /// The one answer for every proof that is no good.
    const fn refusal(&self) -> Error {
        match self {
            Self::Token(_) => Error::TokenInvalid,
            Self::Code { .. } => Error::CodeInvalid,
        }
    }
}

pub(crate) async fn reset_password(app: &App, cx: &Cx, proof: &ResetProof, new: &str) -> Result<()> {
    if let Some(done) = app.db.kept(cx, METHOD).await? {
        return Ok(done);
    }
    match reset(app, cx, proof, new).await {
        // The same request, sent twice at once, may have won meanwhile.
        Err(error) => app.db.kept(cx, METHOD).await?.ok_or(error),
        done => done,
    }
}

async fn reset(app: &App, cx: &Cx, proof: &ResetProof, new: &str) -> Result<()> {
    let new = Password::read(new).map_err(|fault| Error::Weak(POINTER, fault))?;
    let (issue_id, user_id, ticket) = match proof {
        ResetProof::Token(token) => {
            let (issue_id, user_id) = by_token(app, cx, token).await?;
            (issue_id, user_id, app.pool.enter()?)
        }
        ResetProof::Code { identifier, code } => {
            let ticket = app.pool.enter()?;
            // A code is used up by its proof, so what can be said without the account is said first.
            policy::require(app, cx, &ticket, &new, (POINTER, Vec::new())).await?;
            let (issue_id, user_id) = by_code(app, cx, identifier, code).await?;
            (issue_id, user_id, ticket)
        }
    };
    let context = context_of(app, cx, user_id).await?.ok_or(proof.refusal())?;
    let hash = accept(app, cx, &ticket, (user_id, &new, context)).await?;
    drop(ticket);

    end_sessions(app, cx, user_id, String::new(), "password_reset").await?;
    let write = || async { Ok(write(app, cx, (issue_id, user_id), (proof, &hash)).await?) };
    app.db.run_once(cx, METHOD, write).await?;
    end_latecomers(app, cx, user_id, String::new(), "password_reset").await;
    Ok(())
}

/// The hash of a new password that the policy takes.
async fn accept(
    app: &App,
    cx: &Cx,
    ticket: &Ticket,
    (user_id, new, context): (UserId, &Password, Vec<String>),
) -> Result<Hashed> {
    policy::require(app, cx, ticket, new, (POINTER, context)).await?;
    policy::require_new(app, cx, ticket, user_id, new).await?;
    ticket.hash(cx.call().deadline, new, cx.random()).await
}

/// Uses the reset up and keeps the new hash, unless somebody else was first.
async fn write(
    app: &App,
    cx: &Cx,
    (issue_id, user_id): (Uuid, UserId),
    (proof, hash): (&ResetProof, &Hashed),
) -> Result<()> {
    let mut tx = app.db.write().await?;
    if !store::reset::use_up(&mut tx, issue_id, user_id, cx.now()).await? {
        return Err(proof.refusal());
    }
    if let Some(old) = store::hash(&mut tx, user_id).await? {
        store::keep_old(&mut tx, cx, user_id, &old, app.config.history.saturating_sub(1)).await?;
    }
    store::reset(&mut tx, user_id, hash, cx.now()).await?;
    store::reset::end_of_user(&mut tx, user_id, cx.now()).await?;
    store::guard::forget(&mut tx, user_id).await?;
    tx.emit(cx, PasswordReset { user_id });
    tx.commit().await?;
    Ok(())
}

async fn by_token(app: &App, cx: &Cx, token: &str) -> Result<(Uuid, UserId)> {
    let (issue_id, proof) = decode_token(token).ok_or(Error::TokenInvalid)?;
    let reset =
        store::reset::reset(&mut app.db.single().await?, issue_id).await?.ok_or(Error::TokenInvalid)?;
    let good = app.keys.is_reset_proof(&proof, issue_id, reset.user_id) && reset.is_live(cx.now());
    if good { Ok((issue_id, reset.user_id)) } else { Err(Error::TokenInvalid) }
}

async fn by_code(app: &App, cx: &Cx, identifier: &str, code: &str) -> Result<(Uuid, UserId)> {
    if identifier.is_empty() || identifier.chars().count() > MAX_IDENTIFIER {
        return Err(Error::Unacceptable("/identifier", "out_of_range", "give 1 to 320 characters"));
    }
    let request = LookupRequest { by: Some(lookup_request::By::Identifier(identifier.to_owned())) };
    let found = app.links.directory(cx).lookup(request).await.map_err(problem_from)?.into_inner().user;
    // Nobody's code is asked for too: an unknown account takes the same steps.
    let user_id = match found {
        Some(user) => denizen_rpc::decode::id(&user.id)?,
        None => UserId::nil(),
    };
    if let Some(issue_id) = proved_before(app, cx, user_id, code).await? {
        return Ok((issue_id, user_id));
    }
    let proof = Proof::UserCode(CodeOfUser { user_id: user_id.to_string(), code: code.to_owned() });
    let request = ConsumeRequest { purpose: Purpose::PasswordReset.into(), proof: Some(proof) };
    let consumed = app.links.codes(cx).consume(request).await.map_err(problem_from)?.into_inner();
    if !consumed.valid || consumed.user_id.parse() != Ok(user_id) {
        return Err(Error::CodeInvalid);
    }
    let issue_id = remember(app, cx, user_id, code).await?;
    Ok((issue_id, user_id))
}

/// The reset of a code that was proved a moment ago and not used; the try is counted.
async fn proved_before(app: &App, cx: &Cx, user_id: UserId, code: &str) -> Result<Option<Uuid>> {
    let tried = app.db.run(cx, || async {
        let mut tx = app.db.write_relaxed("one conditional statement on one row").await?;
        let proved = store::reset::try_code(&mut tx, user_id, cx.now()).await?;
        tx.commit().await?;
        Ok(proved)
    });
    let mac = app.keys.code_mac(user_id, code);
    Ok(tried.await?.filter(|(_, proved)| same_secret(proved, &mac)).map(|(issue_id, _)| issue_id))
}

/// Turns a proved code into a reset.
async fn remember(app: &App, cx: &Cx, user_id: UserId, code: &str) -> Result<Uuid> {
    let expires_at = after(cx.now(), PROVED_FOR);
    let reset = Reset { issue_id: cx.uuid(), user_id, expires_at, used_at: None, ended_at: None };
    let written = app.db.run(cx, || async {
        let mut tx = app.db.write().await?;
        let mac = app.keys.code_mac(user_id, code);
        store::reset::insert(&mut tx, &reset, Some(mac), cx.now()).await?;
        tx.commit().await?;
        Ok(())
    });
    written.await?;
    Ok(reset.issue_id)
}
