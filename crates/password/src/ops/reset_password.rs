//! Reset a password by the token of a link or by a code: once; all sessions end. Until the proof holds, nothing is said
//! that depends on the account.
//!
//! Whoever resets by mail holds the mailbox. While nobody had proved that address, the account may have been opened by
//! another, so what they put there to come back goes with their password (docs/decisions/0012-proof-from-elsewhere.md). A
//! second factor stays, and what belongs to it: a reset never leads past one (ASVS 6.4.3).

use std::time::Duration;

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::seal::same_secret;
use denizen_kit::time::after;
use denizen_rpc::otp::internal::v1::{CodeOfUser, ConsumeRequest, consume_request::Proof};
use denizen_rpc::otp::v1::{Channel, Purpose};
use denizen_rpc::problem_from;
use denizen_rpc::users::internal::v1::{LookupRequest, lookup_request};
use uuid::Uuid;

use super::account::{context_of, end_latecomers, end_sessions, prove_mailbox};
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

/// The right to set a new password, as it was proved.
struct Right {
    issue_id: Uuid,
    user_id: UserId,
    /// Whether the proof went by mail.
    by_mail: bool,
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
    let (right, ticket) = match proof {
        ResetProof::Token(token) => (by_token(app, cx, token).await?, app.pool.enter()?),
        ResetProof::Code { identifier, code } => {
            let ticket = app.pool.enter()?;
            // A code is used up by its proof, so what can be said without the account is said first.
            policy::require(app, cx, &ticket, &new, (POINTER, Vec::new())).await?;
            (by_code(app, cx, identifier, code).await?, ticket)
        }
    };
    let user_id = right.user_id;
    let context = context_of(app, cx, user_id).await?.ok_or(proof.refusal())?;
    let hash = accept(app, cx, &ticket, (user_id, &new, context)).await?;
    drop(ticket);

    let has_factor = end_sessions(app, cx, user_id, String::new(), "password_reset").await?;
    if !has_factor && proves_mailbox(app, &right).await? {
        prove_mailbox(app, cx, user_id).await?;
    }
    let write = || async { Ok(write(app, cx, &right, (proof, &hash)).await?) };
    app.db.run_once(cx, METHOD, write).await?;
    end_latecomers(app, cx, user_id, String::new(), "password_reset").await;
    Ok(())
}

/// Whether the reset is by whoever reads the account's mail, in place of a password that another may know.
async fn proves_mailbox(app: &App, right: &Right) -> Result<bool> {
    Ok(right.by_mail && store::hash(&mut app.db.single().await?, right.user_id).await?.is_some())
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
async fn write(app: &App, cx: &Cx, right: &Right, (proof, hash): (&ResetProof, &Hashed)) -> Result<()> {
    let Right { issue_id, user_id, .. } = *right;
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

async fn by_token(app: &App, cx: &Cx, token: &str) -> Result<Right> {
    let (issue_id, proof) = decode_token(token).ok_or(Error::TokenInvalid)?;
    let reset =
        store::reset::reset(&mut app.db.single().await?, issue_id).await?.ok_or(Error::TokenInvalid)?;
    let good = app.keys.is_reset_proof(&proof, issue_id, reset.user_id) && reset.is_live(cx.now());
    let right = Right { issue_id, user_id: reset.user_id, by_mail: reset.by_mail };
    if good { Ok(right) } else { Err(Error::TokenInvalid) }
}

async fn by_code(app: &App, cx: &Cx, identifier: &str, code: &str) -> Result<Right> {
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
    if let Some(right) = proved_before(app, cx, user_id, code).await? {
        return Ok(right);
    }
    let proof = Proof::UserCode(CodeOfUser { user_id: user_id.to_string(), code: code.to_owned() });
    let request = ConsumeRequest { purpose: Purpose::PasswordReset.into(), proof: Some(proof) };
    let consumed = app.links.codes(cx).consume(request).await.map_err(problem_from)?.into_inner();
    if !consumed.valid || consumed.user_id.parse() != Ok(user_id) {
        return Err(Error::CodeInvalid);
    }
    remember(app, cx, user_id, (code, consumed.channel() == Channel::Email)).await
}

/// The reset of a code that was proved a moment ago and not used; the try is counted.
async fn proved_before(app: &App, cx: &Cx, user_id: UserId, code: &str) -> Result<Option<Right>> {
    let tried = app.db.run(cx, || async {
        let mut tx = app.db.write_relaxed("one conditional statement on one row").await?;
        let proved = store::reset::try_code(&mut tx, user_id, cx.now()).await?;
        tx.commit().await?;
        Ok(proved)
    });
    let mac = app.keys.code_mac(user_id, code);
    let proved = tried.await?.filter(|proved| same_secret(&proved.mac, &mac));
    Ok(proved.map(|proved| Right { issue_id: proved.issue_id, user_id, by_mail: proved.by_mail }))
}

/// Turns a proved code into a reset.
async fn remember(app: &App, cx: &Cx, user_id: UserId, (code, by_mail): (&str, bool)) -> Result<Right> {
    let expires_at = after(cx.now(), PROVED_FOR);
    let reset = Reset { issue_id: cx.uuid(), user_id, expires_at, used_at: None, ended_at: None, by_mail };
    let written = app.db.run(cx, || async {
        let mut tx = app.db.write().await?;
        let mac = app.keys.code_mac(user_id, code);
        store::reset::insert(&mut tx, &reset, Some(mac), cx.now()).await?;
        tx.commit().await?;
        Ok(())
    });
    written.await?;
    Ok(Right { issue_id: reset.issue_id, user_id, by_mail })
}
