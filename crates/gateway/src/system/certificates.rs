//! The public keys of certificates of erasure (RFC 8037 in RFC 7517), for those who keep one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_rpc::users::v1::{CertificateKey, GetCertificateKeysRequest};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::faces::failure::Failure;
use crate::state::App;

pub(super) async fn keys(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    let cx = Cx::job(Role::Gateway, &app.clock);
    let answer = app.links.privacy(cx.call()).get_certificate_keys(GetCertificateKeysRequest {}).await?;
    let keys: Vec<Value> = answer.into_inner().keys.iter().map(jwk).collect();
    let headers = [(CONTENT_TYPE, "application/jwk-set+json"), (CACHE_CONTROL, "public, max-age=60")];
    Ok((headers, json!({ "keys": keys }).to_string()).into_response())
}

fn jwk(key: &CertificateKey) -> Value {
    let x = URL_SAFE_NO_PAD.encode(&key.public_key);
    json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": x })
}
