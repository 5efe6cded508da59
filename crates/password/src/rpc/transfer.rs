//! The contract of import and export.

use std::sync::Arc;

use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::password::internal::v1::transfer_server::Transfer;
use denizen_rpc::password::internal::v1::{
    ClaimCredentialsRequest, ClaimCredentialsResponse, ExportHashesRequest, ExportHashesResponse,
    ExportedHash, PutCredentialsRequest, PutCredentialsResponse, RefusedCredential,
};
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::App;
use crate::hash::Refusal;
use crate::ops::{self, NewHash};

pub(super) struct TransferService(pub(super) Arc<App>);

#[tonic::async_trait]
impl Transfer for TransferService {
    async fn put_credentials(
        &self,
        request: Request<PutCredentialsRequest>,
    ) -> Reply<PutCredentialsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let wanted = request
                .credentials
                .into_iter()
                .map(|new| Ok(NewHash { user_id: decode::id(&new.user_id)?, text: new.password_hash }))
                .collect::<Result<Vec<_>, Problem>>()?;
            let refused = ops::put_credentials(app, &cx, &wanted).await?;
            Ok(PutCredentialsResponse { refused: refused.into_iter().map(refused_to_wire).collect() })
        })
        .await
    }

    async fn claim_credentials(
        &self,
        request: Request<ClaimCredentialsRequest>,
    ) -> Reply<ClaimCredentialsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::claim_credentials(app, &cx, &ids(&request.user_ids)?).await?;
            Ok(ClaimCredentialsResponse {})
        })
        .await
    }

    async fn export_hashes(&self, request: Request<ExportHashesRequest>) -> Reply<ExportHashesResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let hashes = ops::export_hashes(app, &cx, &ids(&request.user_ids)?).await?;
            let to_wire = |(user_id, password_hash): (UserId, String)| ExportedHash {
                user_id: user_id.to_string(),
                password_hash,
            };
            Ok(ExportHashesResponse { hashes: hashes.into_iter().map(to_wire).collect() })
        })
        .await
    }
}

fn ids(texts: &[String]) -> Result<Vec<UserId>, Problem> {
    texts.iter().map(|text| decode::id(text)).collect()
}

fn refused_to_wire((index, refusal): (usize, Refusal)) -> RefusedCredential {
    RefusedCredential {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        code: refusal.code().to_owned(),
        detail: refusal.detail(),
    }
}
