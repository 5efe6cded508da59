//! Put the first passwords of many accounts that are about to be made, as hashes: inert without the accounts.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::put_credential::foreign;
use crate::App;
use crate::error::{Error, Result};
use crate::hash::{Hashed, Refusal};
use crate::store;

/// Most people of one request.
pub(crate) const MOST: usize = 500;

/// The hash of a person's password from elsewhere.
pub(crate) struct NewHash {
    pub(crate) user_id: UserId,
    pub(crate) text: String,
}

/// Puts what can be taken, in one transaction; the rest comes back, by its place.
pub(crate) async fn put_credentials(app: &App, cx: &Cx, wanted: &[NewHash]) -> Result<Vec<(usize, Refusal)>> {
    cx.require_service(&[Role::Users])?;
    require_few("/credentials", wanted.len())?;
    let mut refused = Vec::new();
    let mut taken = Vec::new();
    for (index, new) in wanted.iter().enumerate() {
        match foreign(app, &new.text) {
            Ok(hashed) => taken.push((new.user_id, hashed)),
            Err(refusal) => refused.push((index, refusal)),
        }
    }
    let write = || async { Ok(write(app, cx, &taken).await?) };
    app.db.run(cx, write).await?;
    Ok(refused)
}

/// Refuses more people than one request may name.
pub(super) fn require_few(pointer: &'static str, count: usize) -> Result<()> {
    if count > MOST {
        return Err(Error::Unacceptable(pointer, "too_many", "send at most 500 at once"));
    }
    Ok(())
}

async fn write(app: &App, cx: &Cx, taken: &[(UserId, Hashed)]) -> Result<()> {
    let mut tx = app.db.write().await?;
    store::put_all(&mut tx, taken, cx.now()).await?;
    tx.commit().await?;
    Ok(())
}
