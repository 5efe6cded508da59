//! Give a service account another secret. The present one ends at once with its access tokens, or stays good for the
//! overlap; then the tokens made with it so far run out by themselves. services:manage.

use std::time::Duration;

use denizen_db::Tx;
use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::time::after;

use super::create_service_account::{Made, add_secret, require_covered};
use super::ending::revoke;
use crate::App;
use crate::error::{Error, Result};
use crate::events::ServiceSecretRotated;
use crate::model::{MAX_OVERLAP, Secret};
use crate::store;

/// Makes the new secret.
pub(crate) async fn rotate_service_secret(app: &App, cx: &Cx, id: UserId, overlap: i64) -> Result<Made> {
    cx.require(Permission::ServicesManage)?;
    let overlap = read_overlap(overlap)?;
    let mut tx = app.db.write().await?;
    let account = store::service_account(&mut tx, id).await?.ok_or(Error::NoSuchServiceAccount)?;
    // Who gets the secret gets what the account may do.
    require_covered(cx, account.may())?;
    let before = store::secrets(&mut tx, id).await?;
    let mut secrets = Vec::new();
    for secret in before {
        let is_present = secrets.is_empty() && secret.expires_at.is_none();
        secrets.extend(retire(app, cx, &mut tx, secret, overlap.filter(|_| is_present)).await?);
    }
    let (secret, client_secret) = add_secret(app, cx, &mut tx, id).await?;
    secrets.insert(0, secret);
    let overlap = overlap.map_or(0, |overlap| overlap.as_secs());
    tx.emit(cx, ServiceSecretRotated { account_id: id, overlap });
    tx.commit().await?;
    Ok(Made { account, secrets, client_secret })
}

/// How long the present secret stays good, if at all.
fn read_overlap(seconds: i64) -> Result<Option<Duration>, Problem> {
    let overlap = u64::try_from(seconds).ok().map(Duration::from_secs);
    match overlap.filter(|overlap| *overlap <= MAX_OVERLAP) {
        Some(overlap) => Ok(Some(overlap).filter(|overlap| !overlap.is_zero())),
        None => {
            Err(Problem::invalid("/overlap_seconds", "out_of_range", "it is 0 to 604800 seconds, a week"))
        }
    }
}

/// Ends a secret now, or after the overlap; gives it if it stays.
async fn retire(
    app: &App,
    cx: &Cx,
    tx: &mut Tx,
    secret: Secret,
    overlap: Option<Duration>,
) -> Result<Option<Secret>> {
    let Some(overlap) = overlap else {
        store::delete_secret(tx, secret.id).await?;
        revoke(app, cx, tx, secret.id).await?;
        return Ok(None);
    };
    let until = after(cx.now(), overlap);
    store::limit_secret(tx, secret.id, until).await?;
    Ok(Some(Secret { expires_at: Some(until), ..secret }))
}
