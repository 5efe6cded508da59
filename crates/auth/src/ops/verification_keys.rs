//! All keys that verify access tokens, shared ones included. For gateways.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_rpc::auth::internal::v1::{SharedKey, VerificationKeysResponse};

use super::get_jwks::verifying_keys;
use super::signing::load_signing_key;
use crate::App;
use crate::config::Algorithm;
use crate::error::Result;
use crate::model::key_set;

/// The published set, and the keys that are never published.
pub(crate) async fn verification_keys(app: &App, cx: &Cx) -> Result<VerificationKeysResponse> {
    cx.require_service(&[Role::Gateway])?;
    load_signing_key(app, cx).await?;
    let keys = verifying_keys(app, cx).await?;
    let public_keys = key_set(&keys);
    let shared = keys.into_iter().filter(|key| key.algorithm == Algorithm::Hs256);
    let shared_keys = shared.map(|key| SharedKey { kid: key.kid, key: key.material }).collect();
    Ok(VerificationKeysResponse { public_keys, shared_keys })
}
