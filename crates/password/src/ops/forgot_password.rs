//! Forgot a password: keeps the request, the same for everybody. Whose it is, a job finds out later.

use denizen_kit::cx::Cx;

use crate::App;
use crate::error::{Error, Result};
use crate::model::{By, ResetRequest};
use crate::store;

/// Most characters of a login identifier: the longest address (RFC 5321 §4.5.3.1).
pub(crate) const MAX_IDENTIFIER: usize = 320;

pub(crate) async fn forgot_password(app: &App, cx: &Cx, request: &ResetRequest) -> Result<()> {
    if request.identifier.is_empty() || request.identifier.chars().count() > MAX_IDENTIFIER {
        let pointer = match request.by {
            By::Identifier => "/identifier",
            By::Email => "/email",
            By::Username => "/username",
            By::Mobile => "/mobile",
        };
        return Err(Error::Unacceptable(pointer, "out_of_range", "give 1 to 320 characters"));
    }
    let id = cx.uuid();
    let sealed = app.keys.seal_request(id, &serde_json::to_vec(request)?);
    let mut tx = app.db.write().await?;
    store::reset::insert_request(&mut tx, id, &sealed, cx.now()).await?;
    tx.commit().await?;
    Ok(())
}
