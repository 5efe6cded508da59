//! Prove an e-mail address by the code or link that was sent to it.
//!
//! Who registered an account and who holds the mailbox may be two: an attacker registers a stranger's address with a
//! password of their own and waits for the stranger's click. So a link that is used without the account's own session
//! ends the sessions that there are; and who holds the mailbox but did not register takes the account over, which takes
//! away all that the other had put there to come back (docs/decisions/0012-proof-from-elsewhere.md).
//!
//! An account with a proved address has an owner. A link moves it to another address within their own session only: that
//! address may be mistyped, and whoever reads its mail would have the account.

use denizen_db::Tx;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::Key;
use denizen_rpc::otp::internal::v1::{
    CodeOfUser, ConsumeRequest, ConsumeResponse, LookRequest, consume_request,
};
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::password::internal::v1::DropCredentialRequest;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;

use super::end_sessions::{end_all_of_another, end_sessions};
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

/// Uses up the proof, then notes what it proved: the pending address, which comes into force, or the present one. Where an
/// account is named, its owner may, by either proof, and nobody learns before what is wrong with the proof; where none is,
/// whoever has the token of a link.
pub(crate) async fn confirm_email(
    app: &App,
    cx: &Cx,
    named: Option<UserId>,
    proof: Result<Proof, Problem>,
) -> Result<wire::User> {
    if let Some(user_id) = named {
        permit(app, cx, cx.require_self(user_id)).await?;
    }
    let proof = proof?;
    // A proof is good once: the same request again gets the answer of the first.
    if let Some(kept) = app.db.kept(cx, METHOD).await? {
        return Ok(kept);
    }
    if let Proof::Token { token, take_over } = &proof {
        require_fit(app, cx, named, (token.as_str(), *take_over)).await?;
    }
    let consumed = consume(app, cx, &proof).await?;
    let id: UserId = denizen_rpc::decode::id(&consumed.user_id)?;
    let key = key_of(app, id).await?;
    take_away(app, cx, (id, &key), &proof, &consumed.target).await?;
    let op = || async { Ok(write(app, cx, (id, &key), &proof, &consumed.target).await?) };
    Ok(app.db.run_once(cx, METHOD, op).await?)
}

/// Refuses a link that may not do what is asked of it here, and leaves it good for where it may.
async fn require_fit(
    app: &App,
    cx: &Cx,
    named: Option<UserId>,
    (token, take_over): (&str, bool),
) -> Result<()> {
    let request = LookRequest { purpose: Purpose::VerifyEmail.into(), token: token.to_owned() };
    let seen = app.links.codes(cx).look(request).await.map_err(problem_from)?.into_inner();
    if !seen.valid {
        return Err(Error::TokenInvalid);
    }
    let id: UserId = denizen_rpc::decode::id(&seen.user_id)?;
    if named.is_some_and(|named| named != id) {
        return Err(Error::TokenInvalid);
    }
    let user = live_user(&mut app.db.single().await?, id, &key_of(app, id).await?).await?;
    if user.email_verified_at.is_none() {
        return Ok(());
    }
    if take_over {
        let detail = "this account has a proved address and so an owner; leave take_over out";
        return Err(Problem::invalid("/take_over", "not_allowed", detail).into());
    }
    if seen.target == user.email.target() || cx.is_self(id) {
        return Ok(());
    }
    let code = if cx.person().is_some() { Code::Forbidden } else { Code::Unauthenticated };
    let detail = "this link gives an account another address: open it where you are logged in to that account, or type \
                  the code of the message there";
    permit(app, cx, Err(Problem::new(code, detail))).await
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
        return end_all_of_another(app, cx, id, "taken_over").await;
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
    tell_activation(cx, &mut tx, &before, &user);
    if proof.takes_over() {
        clear(cx, &mut tx, &mut user);
    }
    save(app, &mut tx, &user, key).await?;
    tx.commit().await?;
    Ok(crate::rpc::encode(&user, cx))
}

/// Says that an account that waited for a proof is active, if it did.
fn tell_activation(cx: &Cx, tx: &mut Tx, before: &User, user: &User) {
    if before.status == Status::Pending {
        let (from, to) = (before.status.as_str(), user.status.as_str());
        tx.emit(cx, UserActivated { user_id: user.id, from, to, roles: user.roles.clone() });
    }
}

/// Notes for password that who resets a password holds the mailbox. When nobody had proved that before the account
/// changes hands: whoever registered it may be another.
pub(crate) async fn prove_mailbox(app: &App, cx: &Cx, id: UserId) -> Result<()> {
    cx.require_service(&[Role::Password])?;
    let key = key_of(app, id).await?;
    let op = || async {
        let mut tx = app.db.write().await.map_err(Error::from)?;
        let before = live_user(&mut tx, id, &key).await?;
        let target = before.email.target();
        let unproved = before.email_verified_at.is_none();
        let Some((mut user, _)) = proved(before.clone(), &target, cx).filter(|_| unproved) else {
            return Ok(());
        };
        tx.emit(cx, EmailVerified { user_id: id });
        tell_activation(cx, &mut tx, &before, &user);
        clear(cx, &mut tx, &mut user);
        save(app, &mut tx, &user, &key).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok(())
    };
    Ok(app.db.run(cx, op).await?)
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
