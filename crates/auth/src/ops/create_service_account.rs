//! Make a service account with its first secret. services:manage; nobody grants beyond their own permissions.

use denizen_db::Tx;
use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::auth::v1::CreateServiceAccountRequest;

use crate::App;
use crate::error::{Error, Result};
use crate::events::ServiceAccountCreated;
use crate::model::{ClientSecret, NewServiceAccount, Secret, ServiceAccount};
use crate::store;

/// An account with its secrets, and the text of the one that was just made.
pub(crate) struct Made {
    pub(crate) account: ServiceAccount,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) client_secret: ClientSecret,
}

/// Makes the account.
pub(crate) async fn create_service_account(
    app: &App,
    cx: &Cx,
    request: CreateServiceAccountRequest,
) -> Result<Made> {
    cx.require(Permission::ServicesManage)?;
    let wanted = NewServiceAccount::read(request)?;
    let account = ServiceAccount {
        id: cx.id(),
        name: wanted.name,
        roles: wanted.roles,
        permissions: wanted.permissions,
        created_at: cx.now(),
        created_by: cx.person().map(|person| person.user_id.to_string()).unwrap_or_default(),
        last_used_at: None,
    };
    require_covered(cx, account.may())?;
    let mut tx = app.db.write().await?;
    store::insert_service_account(&mut tx, &account).await?;
    let (secret, client_secret) = add_secret(app, cx, &mut tx, account.id).await?;
    let (roles, permissions) = (account.roles.clone(), account.may().names());
    tx.emit(cx, ServiceAccountCreated { account_id: account.id, roles, permissions });
    tx.commit().await?;
    Ok(Made { account, secrets: vec![secret], client_secret })
}

/// Gives an account another secret within a transaction.
pub(super) async fn add_secret(
    app: &App,
    cx: &Cx,
    tx: &mut Tx,
    account_id: UserId,
) -> Result<(Secret, ClientSecret)> {
    let client_secret = ClientSecret::new(cx.random());
    let digest = client_secret.digest(&app.keys.client_secrets, account_id).to_vec();
    let secret = Secret { id: cx.id(), account_id, digest, created_at: cx.now(), expires_at: None };
    store::insert_secret(tx, &secret).await?;
    Ok((secret, client_secret))
}

/// Lets pass who holds all these permissions: others could otherwise make or take an account to get them.
pub(super) fn require_covered(cx: &Cx, wanted: Permissions) -> Result<()> {
    // Who comes without a person and was let pass before is the operator, who holds all.
    let own = cx.person().map_or(Permissions::all(), |person| person.permissions);
    if own.covers(wanted) { Ok(()) } else { Err(Error::BeyondOwn) }
}
