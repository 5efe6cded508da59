//! The contract of signing keys: decode, operation, encode.

use std::sync::Arc;

use denizen_rpc::auth::internal::v1::signing_server::Signing;
use denizen_rpc::auth::internal::v1::{
    RotateSigningKeyRequest, RotateSigningKeyResponse, VerificationKeysRequest, VerificationKeysResponse,
};
use denizen_rpc::{Reply, serve};
use tonic::Request;

use crate::{App, ops};

/// The internal operations on signing keys.
pub(crate) struct SigningService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl Signing for SigningService {
    async fn verification_keys(
        &self,
        request: Request<VerificationKeysRequest>,
    ) -> Reply<VerificationKeysResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, _| Ok(ops::verification_keys(app, &cx).await?)).await
    }

    async fn rotate_signing_key(
        &self,
        request: Request<RotateSigningKeyRequest>,
    ) -> Reply<RotateSigningKeyResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, _| {
            let rotation = ops::rotate_signing_key(app, &cx).await?;
            Ok(RotateSigningKeyResponse {
                kid: rotation.key.kid,
                algorithm: rotation.key.algorithm,
                signs_from: rotation.key.signs_from.as_second(),
                old_until: rotation.old_until.as_second(),
            })
        })
        .await
    }
}
