//! Put the first password of an account that is about to be made: inert without the account.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::policy;
use crate::App;
use crate::error::{Error, Result};
use crate::hash::Stored;
use crate::model::Password;
use crate::store;

/// A first password, or the hash of one from elsewhere.
pub(crate) enum NewSecret {
    Password { text: String, context: Vec<String> },
    Hash(String),
}

pub(crate) async fn put_credential(app: &App, cx: &Cx, user_id: UserId, secret: &NewSecret) -> Result<()> {
    cx.require_service(&[Role::Users])?;
    let hash = match secret {
        NewSecret::Hash(phc) => foreign(phc)?,
        NewSecret::Password { text, context } => {
            let password = Password::read(text).map_err(|fault| Error::Weak("/password", fault))?;
            let ticket = app.pool.enter()?;
            policy::require(app, cx, &ticket, &password, ("/password", context.clone())).await?;
            ticket.hash(cx.call().deadline, &password, cx.random()).await?
        }
    };
    let write = || async {
        let mut tx = app.db.write().await?;
        store::put(&mut tx, user_id, &hash, cx.now()).await?;
        tx.commit().await?;
        Ok(())
    };
    Ok(app.db.run(cx, write).await?)
}

/// A hash that can be verified here.
fn foreign(phc: &str) -> Result<String> {
    let acceptable = Stored::parse(phc).is_some_and(|stored| stored.is_acceptable());
    if !acceptable {
        let detail = "this must be a PHC string of Argon2id, version 19, of at most 64 MiB, 16 passes and 16 lanes: \
                      $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>";
        return Err(Error::Unacceptable("/password_hash", "unsupported", detail));
    }
    Ok(phc.to_owned())
}
