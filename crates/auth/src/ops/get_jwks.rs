//! The public keys that verify access tokens. Anyone may have them.

use std::time::Duration;

use denizen_kit::cx::Cx;
use denizen_kit::time::before;

use super::signing::load_signing_key;
use crate::App;
use crate::error::Result;
use crate::model::{CLOCK_SKEW, VerifyingKey, key_set};
use crate::store;

/// How long a key that signs no more is shown beyond the life of its last token, for clocks that differ.
pub(super) const SHOWN_AFTER: Duration = CLOCK_SKEW;

/// The JSON Web Key Set. Shared keys are not in it.
pub(crate) async fn get_jwks(app: &App, cx: &Cx) -> Result<String> {
    // A set without a key would be kept by caches; so the first key is made before the set is first shown.
    load_signing_key(app, cx).await?;
    Ok(key_set(&verifying_keys(app, cx).await?))
}

/// The keys whose tokens can still be valid: those that sign or are about to, and those that were retired within a
/// token's life.
pub(super) async fn verifying_keys(app: &App, cx: &Cx) -> Result<Vec<VerifyingKey>> {
    let since = before(cx.now(), app.config.access_token_ttl + SHOWN_AFTER);
    let stored = store::signing_keys(&mut app.db.single().await?, since).await?;
    stored.iter().map(|key| key.verifying(&app.keys.sealing)).collect()
}
