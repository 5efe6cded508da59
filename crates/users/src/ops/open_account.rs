//! Opens an account: data key, credential (both inert), then the row that makes it exist.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Kind, Problem};
use denizen_kit::seal::Key;
use denizen_rpc::password::internal::v1::PutCredentialRequest;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;

use super::reach::permissions_of;
use super::register;
use crate::App;
use crate::error::Result;
use crate::events::UserCreated;
use crate::model::{Metadata, Preferences, Reason, Status, Username};
use crate::model::{User, email::Email, mobile::Mobile, profile::Name};
use crate::store::{self, Sealing};

/// The account that somebody wants, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: Name,
    pub(crate) email: Email,
    pub(crate) email_verified: bool,
    pub(crate) username: Option<Username>,
    pub(crate) mobile: Option<Mobile>,
    pub(crate) preferences: Preferences,
    pub(crate) metadata: Metadata,
    pub(crate) push_token: Option<String>,
    pub(crate) status: Status,
    pub(crate) status_reason: Option<Reason>,
    pub(crate) roles: Vec<String>,
    pub(crate) password: String,
    pub(crate) password_hash: String,
}

/// Opens the account. A crash before the last step leaves nothing that blocks another try.
pub(crate) async fn open_account(
    app: &App,
    cx: &Cx,
    method: &'static str,
    draft: &Draft,
) -> Result<wire::User> {
    let id: UserId = cx.id();
    let user = draft.account(cx, id);
    put_credential(app, cx, draft, &user).await?;
    let key = app.keys.create(cx, id).await?;
    let written = app.db.run_once(cx, method, || async { Ok(insert(app, cx, &user, &key).await?) }).await;
    if written.as_ref().is_ok_and(|written| written.id == id.to_string()) {
        if method == register::METHOD {
            metrics::counter!("denizen_registrations_total").increment(1);
        }
        return Ok(written?);
    }
    // Somebody else has the identifiers, or it is the answer to the same request before: this key is nobody's. After any
    // other failure the account may be there after all (a connection lost at COMMIT): the sweep finds out.
    if written.as_ref().map_or_else(|problem| problem.kind == Kind::Conflict, |_| true) {
        app.keys.destroy(id).await?;
    }
    Ok(written?)
}

async fn put_credential(app: &App, cx: &Cx, draft: &Draft, user: &User) -> Result<(), Problem> {
    let request = PutCredentialRequest {
        user_id: user.id.to_string(),
        password: draft.password.clone(),
        password_hash: draft.password_hash.clone(),
        context: user.context(),
    };
    app.links.credentials(cx).put_credential(request).await.map_err(problem_from)?;
    Ok(())
}

async fn insert(app: &App, cx: &Cx, user: &User, key: &Key) -> Result<wire::User> {
    let mut tx = app.db.write().await?;
    // A role may have been deleted since it was looked at.
    permissions_of(&mut tx, &user.roles).await?;
    store::insert_user(&mut tx, user, &Sealing { key, keys: &app.keys }).await?;
    let verify_email = user.email_verified_at.is_none();
    let verify_mobile = user.mobile.is_some() && user.mobile_verified_at.is_none();
    let (status, roles) = (user.status.as_str(), user.roles.clone());
    tx.emit(cx, UserCreated { user_id: user.id, verify_email, verify_mobile, status, roles });
    tx.commit().await?;
    let mut shown = crate::rpc::encode(user, cx);
    // Only who registers sends a token: to them the account is their own, though nobody is logged in yet.
    shown.push_tokens = user.push_tokens.clone().into_iter().collect();
    Ok(shown)
}

// === impl Draft ===

impl Draft {
    fn account(&self, cx: &Cx, id: UserId) -> User {
        let now = cx.now();
        User {
            id,
            username: self.username.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            email_verified_at: self.email_verified.then_some(now),
            pending_email: None,
            mobile: self.mobile.clone(),
            mobile_verified_at: None,
            pending_mobile: None,
            status: self.status,
            status_reason: self.status_reason.clone(),
            status_until: None,
            status_by: None,
            status_at: None,
            restricted_at: None,
            deleted_at: None,
            roles: self.roles.clone(),
            preferences: self.preferences.clone(),
            metadata: self.metadata.clone(),
            push_tokens: self.push_token.iter().map(|token| ("default".to_owned(), token.clone())).collect(),
            avatar: None,
            created_at: now,
            updated_at: now,
            last_login_at: None,
            version: 1,
        }
    }
}
