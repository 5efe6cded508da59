//! Register: anybody opens an account for themselves, with the role `user`.

use denizen_kit::cx::Cx;
use denizen_rpc::users::v1 as wire;

use super::open_account::{Draft, open_account};
use crate::App;
use crate::error::Result;

/// Name under which the reply is kept.
pub(super) const METHOD: &str = "users.Register";

/// Opens the account; mail with the proof of the address follows from the event.
pub(crate) async fn register(app: &App, cx: &Cx, draft: Draft) -> Result<wire::User> {
    let draft = Draft {
        status: app.config.registration_status,
        roles: vec!["user".to_owned()],
        email_verified: false,
        password_hash: String::new(),
        ..draft
    };
    open_account(app, cx, METHOD, &draft).await
}
