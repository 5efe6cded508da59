//! Give an access token for client id and secret (RFC 6749 §4.4). An unknown client and a wrong secret are one answer
//! at one cost; wrong ones are counted by client and source.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::network::network;
use denizen_kit::problem::Problem;
use denizen_kit::time::{after, elapsed};
use denizen_rpc::auth::v1::ServiceToken;

use super::signing::load_signing_key;
use crate::App;
use crate::error::{Error, Result};
use crate::events::{LoginFailed, ServiceTokenIssued};
use crate::model::{AUDIENCE, Claims, ClientSecret, Secret, ServiceAccount, delay, matching};
use crate::store;

/// Checks the secret and makes the token.
pub(crate) async fn issue_service_token(
    app: &App,
    cx: &Cx,
    client_id: &str,
    client_secret: &str,
) -> Result<ServiceToken> {
    require_fields(client_id, client_secret)?;
    let source = cx.call().ip.map(network).unwrap_or_default();
    let account_id = client_id.parse::<UserId>();
    // An id has many spellings: they are one client, with one count.
    let name = account_id.as_ref().map_or_else(|_| client_id.to_owned(), UserId::to_string);
    let counter = app.keys.client_secrets.mac(&[b"failures", name.as_bytes(), &source]);
    if let Some(until) = store::locked_until(&mut app.db.single().await?, &counter).await?
        && until > cx.now()
    {
        return Err(Error::TooManyTries(elapsed(cx.now(), until)));
    }
    let account_id = account_id.unwrap_or_else(|_| UserId::nil());
    let secrets = store::secrets(&mut app.db.single().await?, account_id).await?;
    let known = secrets.first().map(|secret| secret.account_id);
    let live = secrets.into_iter().filter(|secret| secret.is_live(cx.now())).collect();
    let given = ClientSecret::parse(client_secret).unwrap_or_else(|| ClientSecret::new([0; 32]));
    let digest = given.digest(&app.keys.client_secrets, account_id);
    let Some(secret) = matching(live, &digest) else {
        return Err(refuse(app, cx, known, &counter).await?);
    };
    let used = app.db.run(cx, || async { Ok(take(app, cx, &secret, &counter).await?) }).await?;
    match used {
        Some(account) => sign(app, cx, &account, &secret).await,
        None => Err(Error::BadClient),
    }
}

fn require_fields(client_id: &str, client_secret: &str) -> Result<(), Problem> {
    if client_id.is_empty() {
        return Err(Problem::invalid("/client_id", "required", "send the client id of the service account"));
    }
    if client_secret.is_empty() {
        return Err(Problem::invalid("/client_secret", "required", "send the secret that came with it"));
    }
    Ok(())
}

/// Counts and records a wrong secret, and gives the answer.
async fn refuse(app: &App, cx: &Cx, known: Option<UserId>, counter: &[u8; 32]) -> Result<Error> {
    app.db
        .run(cx, || async {
            let reason = "each step is one statement on one row";
            let mut tx = app.db.write_relaxed(reason).await?;
            let failures = store::count_failure(&mut tx, counter, cx.now()).await?;
            if let Some(wait) = delay(failures) {
                store::lock(&mut tx, counter, after(cx.now(), wait)).await?;
            }
            tx.emit(cx, LoginFailed { user_id: known, reason: "invalid_credentials", method: "client" });
            tx.commit().await?;
            Ok::<(), Problem>(())
        })
        .await?;
    Ok(Error::BadClient)
}

/// Notes the use; the account, or none when the secret was ended meanwhile.
async fn take(app: &App, cx: &Cx, secret: &Secret, counter: &[u8; 32]) -> Result<Option<ServiceAccount>> {
    let reason = "one conditional statement decides; who ends the secret after it also revokes its tokens";
    let mut tx = app.db.write_relaxed(reason).await?;
    let (account_id, secret_id) = (secret.account_id, secret.id);
    if !store::use_service_account(&mut tx, account_id, secret_id, cx.now()).await? {
        return Ok(None);
    }
    let Some(account) = store::service_account(&mut tx, account_id).await? else { return Ok(None) };
    store::clear_failures(&mut tx, counter).await?;
    tx.emit(cx, ServiceTokenIssued { account_id, secret_id });
    tx.commit().await?;
    Ok(Some(account))
}

async fn sign(app: &App, cx: &Cx, account: &ServiceAccount, secret: &Secret) -> Result<ServiceToken> {
    let key = load_signing_key(app, cx).await?;
    let now = cx.now();
    let by_itself = after(now, app.config.access_token_ttl);
    let expires_at = secret.expires_at.map_or(by_itself, |end| end.min(by_itself));
    let claims = Claims {
        iss: app.config.issuer.clone(),
        sub: account.id,
        aud: AUDIENCE.to_owned(),
        exp: expires_at.as_second(),
        iat: now.as_second(),
        jti: cx.uuid(),
        sid: secret.id,
        roles: account.token_roles(),
        permissions: Some(account.may().names()),
        net: None,
        amr: vec!["client".to_owned()],
        auth_time: now.as_second(),
    };
    Ok(ServiceToken { access_token: key.sign(&claims)?, expires_in: claims.exp - claims.iat })
}
