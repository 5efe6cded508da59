//! Put the first password of an account that is about to be made: inert without the account.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::policy;
use crate::App;
use crate::error::{Error, Result};
use crate::hash::{Hashed, Refusal, Stored};
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
        NewSecret::Hash(text) => {
            foreign(app, text).map_err(|refusal| Error::HashRefused("/password_hash", refusal))?
        }
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

/// A hash from elsewhere, if it can be verified here.
pub(super) fn foreign(app: &App, text: &str) -> Result<Hashed, Refusal> {
    let stored = Stored::parse(text)?;
    stored.algorithm.accept()?;
    if !app.pool.can_check(&stored) {
        return Err(Refusal::UnknownPepper);
    }
    Ok(Hashed { text: text.to_owned(), work: stored.work() })
}
