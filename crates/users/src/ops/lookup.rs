//! Find the account of a login identifier or an id, for another service. Deleted ones are found too: their state is
//! the asker's business.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use crate::App;
use crate::error::Result;
use crate::model::{Email, Identifier, Mobile, User, Username};
use crate::store;

/// By what to find it.
#[derive(Clone, Debug)]
pub(crate) enum By {
    Id(UserId),
    Identifier(String),
    Email(String),
    Username(String),
    Mobile(String),
}

/// The account, and the name under which tries with this identifier are counted.
pub(crate) async fn lookup(app: &App, cx: &Cx, by: &By) -> Result<(Option<User>, Vec<u8>)> {
    cx.require_service(&[Role::Auth, Role::Password, Role::Otp, Role::Notify])?;
    find(app, by).await
}

/// The account, whoever asks.
pub(super) async fn find(app: &App, by: &By) -> Result<(Option<User>, Vec<u8>)> {
    let region = app.config.default_region;
    let (identifier, typed) = match by {
        By::Id(id) => return Ok((find_by_id(app, *id).await?, Vec::new())),
        By::Identifier(text) => (Identifier::parse(text, region), text),
        By::Email(text) => (Email::parse(text).ok().map(Identifier::Email), text),
        By::Username(text) => (Username::parse_any(text).ok().map(Identifier::Username), text),
        By::Mobile(text) => (Mobile::parse(text, region, false).ok().map(Identifier::Mobile), text),
    };
    let Some(identifier) = identifier else {
        return Ok((None, app.keys.blind("identifier/other", &typed.trim().to_lowercase())));
    };
    let (kind, canonical) = identifier.canonical();
    let key = app.keys.blind(&format!("identifier/{kind}"), canonical);
    let mut tx = app.db.single().await?;
    let found = match &identifier {
        Identifier::Email(_) => store::user_by_email(&mut tx, app.keys.blind("email", canonical)).await?,
        Identifier::Username(_) => store::user_by_username(&mut tx, canonical).await?,
        Identifier::Mobile(_) => store::user_by_mobile(&mut tx, app.keys.blind("mobile", canonical)).await?,
    };
    drop(tx);
    match found {
        Some(sealed) => {
            // An account without a key was erased a moment ago.
            let data_key = app.keys.find(sealed.id).await?;
            Ok((data_key.map(|data_key| sealed.open(&data_key)).transpose()?, key))
        }
        None => Ok((None, key)),
    }
}

async fn find_by_id(app: &App, id: UserId) -> Result<Option<User>> {
    let mut tx = app.db.single().await?;
    let Some(sealed) = store::user(&mut tx, id).await? else { return Ok(None) };
    drop(tx);
    let key = app.keys.find(id).await?;
    key.map(|key| sealed.open(&key)).transpose()
}
