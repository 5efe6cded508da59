//! The public keys that verify access tokens. Anyone may have them.

use denizen_kit::cx::Cx;
use denizen_kit::time::before;

use super::signing::load_signing_key;
use crate::App;
use crate::error::Result;
use crate::model::{PublicKey, key_set};
use crate::store;

/// The JSON Web Key Set.
pub(crate) async fn get_jwks(app: &App, cx: &Cx) -> Result<String> {
    // A set without a key would be kept by caches; so the first key is made before the set is first shown.
    load_signing_key(app, cx).await?;
    Ok(key_set(&public_keys(app, cx).await?))
}

/// The keys whose tokens can still be valid: those in use, and those that were retired within a token's life.
pub(super) async fn public_keys(app: &App, cx: &Cx) -> Result<Vec<PublicKey>> {
    let since = before(cx.now(), app.config.access_token_ttl);
    store::public_keys(&mut app.db.single().await?, since).await
}
