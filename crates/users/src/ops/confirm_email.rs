//! Prove an e-mail address by the code or link that was sent to it.
//!
//! Who registered an account and who holds the mailbox may be two: an attacker registers a stranger's address with a
//! password of their own and waits for the stranger's click. So a link that is used without the account's own session
//! ends the sessions that there are; and who holds the mailbox but did not register takes the account over, which takes
//! away all that the other had put there to come back (docs/decisions/0012-proof-from-elsewhere.md).

use denizen_db::Tx;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::Key;
use denizen_rpc::otp::internal::v1::{CodeOfUser, ConsumeRequest, ConsumeResponse, consume_request};
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::password::internal::v1::DropCredentialRequest;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;

use super::end_sessions::end_sessions;
use super::{key_of, live_user, permit, save};
use crate::App;
use crate::error::{Error, Result};
use crate::events::{EmailChanged, EmailVerified, UserActivated, UserTakenOver};
use crate::model::{Status, User};
use crate::store;

/// Name under which the reply is kept.
const METHOD: &str = "users.ConfirmEmail";

/// What proves the address.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// A code, from the owner of the account.
    Code(UserId, String),
    /// The token of a link, from anybody who has it.
    Token {
        token: String,
        /// Whoever holds the mailbox did not register the account.
        take_over: bool,
    },
}

/// Uses up the proof, then notes what it proved: the pending address, which comes into force, or the present one.
pub(crate) async fn confirm_email(app: &App, cx: &Cx, proof: Proof) -> Result<wire::User> {
    if let Proof::Code(user_id, _) = &proof {
        permit(app, cx, cx.require_self(*user_id)).await?;
    }
    // A proof is good once: the same request again gets the answer of the first.
    if let Some(kept) = app.db.kept(cx, METHOD).await? {
        return Ok(kept);
    }
    let consumed = consume(app, cx, &proof).await?;
    let id: UserId = denizen_rpc::decode::id(&consumed.user_id)?;
    let key = key_of(app, id).await?;
    take_away(app, cx, (id, &key), &proof, &consumed.target).await?;
    let op = || async { Ok(write(app, cx, (id, &key), &proof, &consumed.target).await?) };
    Ok(app.db.run_once(cx, METHOD, op).await?)
}

async fn consume(app: &App, cx: &Cx, proof: &Proof) -> Result<ConsumeResponse> {
    let used = match proof {
        Proof::Code(user_id, code) => {
            consume_request::Proof::UserCode(CodeOfUser { user_id: user_id.to_string(), code: code.clone() })
        }
        Proof::Token { token, .. } => consume_request::Proof::Token(token.clone()),
    };
    let request = ConsumeRequest { purpose: Purpose::VerifyEmail.into(), proof: Some(used) };
    let consumed = app.links.codes(cx).consume(request).await.map_err(problem_from)?.into_inner();
    if consumed.valid { Ok(consumed) } else { Err(proof.refused()) }
}

/// Ends what somebody else may have in the account, before the proof gives it the standing of a proved address.
async fn take_away(
    app: &App,
    cx: &Cx,
    (id, key): (UserId, &Key),
    proof: &Proof,
    target: &[u8],
) -> Result<()> {
    let mut tx = app.db.single().await?;
    let before = store::user(&mut tx, id).await?.ok_or(Error::NoSuchUser)?.open(key)?;
    drop(tx);
    let proves_nothing_new = before.email_verified_at.is_some() && before.email.target() == target;
    proved(before, target, cx).ok_or_else(|| proof.refused())?;
    if proof.takes_over() {
        let request = DropCredentialRequest { user_id: id.to_string() };
        app.links.credentials(cx).drop_credential(request).await.map_err(problem_from)?;
        return end_sessions(app, cx, id, "taken_over").await;
    }
    if cx.is_self(id) || proves_nothing_new {
        return Ok(());
    }
    end_sessions(app, cx, id, "address_proved").await
}

async fn write(
    app: &App,
    cx: &Cx,
    (id, key): (UserId, &Key),
    proof: &Proof,
    target: &[u8],
) -> Result<wire::User> {
    let mut tx = app.db.write().await?;
    let before = live_user(&mut tx, id, key).await?;
    let (mut user, changed) = proved(before.clone(), target, cx).ok_or_else(|| proof.refused())?;
    if changed {
        let old_email_sealed = Some(store::sealed_email(&before, key));
        tx.emit(cx, EmailChanged { user_id: id, old_email_sealed, verify_email: false });
    } else {
        tx.emit(cx, EmailVerified { user_id: id });
    }
    if before.status == Status::Pending {
        let (from, to) = (before.status.as_str(), user.status.as_str());
        tx.emit(cx, UserActivated { user_id: id, from, to, roles: user.roles.clone() });
    }
    if proof.takes_over() {
        clear(cx, &mut tx, &mut user);
    }
    save(app, &mut tx, &user, key).await?;
    tx.commit().await?;
    Ok(crate::rpc::encode(&user, cx))
}

/// Takes away what would lead the one who registered back into the account, or messages to them.
fn clear(cx: &Cx, tx: &mut Tx, user: &mut User) {
    user.pending_email = None;
    user.mobile = None;
    user.mobile_verified_at = None;
    user.pending_mobile = None;
    user.push_tokens.clear();
    tx.emit(cx, UserTakenOver { user_id: user.id });
}

/// The account after the proof of an address, and whether its address changed. None when it is an address of another
/// time.
fn proved(user: User, target: &[u8], cx: &Cx) -> Option<(User, bool)> {
    let now = cx.now();
    let mut user = user;
    if user.status == Status::Pending {
        user.status = Status::Active;
    }
    if let Some(pending) = user.pending_email.clone().filter(|pending| pending.target() == target) {
        user.email = pending;
        user.pending_email = None;
        user.email_verified_at = Some(now);
        return Some((user.touched(now), true));
    }
    if user.email.target() != target {
        return None;
    }
    user.email_verified_at = Some(now);
    Some((user.touched(now), false))
}

// === impl Proof ===

impl Proof {
    const fn takes_over(&self) -> bool {
        matches!(self, Self::Token { take_over: true, .. })
    }

    const fn refused(&self) -> Error {
        match self {
            Self::Code(..) => Error::CodeInvalid,
            Self::Token { .. } => Error::TokenInvalid,
        }
    }

    /// The proof by code, which comes within a session of the account: there is nothing to take over.
    pub(crate) fn code(user_id: UserId, code: String, take_over: bool) -> Result<Self, Problem> {
        if take_over {
            let detail = "take_over goes with the token of a link; a code is typed by who is logged in";
            return Err(Problem::invalid("/take_over", "not_allowed", detail));
        }
        Ok(Self::Code(user_id, code))
    }
}
