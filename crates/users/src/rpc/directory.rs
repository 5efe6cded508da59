//! The internal contract of users.

use std::sync::Arc;

use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::decode::id;
use denizen_rpc::users::internal::v1 as wire;
use denizen_rpc::users::internal::v1::directory_server::Directory;
use denizen_rpc::{Reply, serve};
use tonic::Request;

use super::encode;
use crate::App;
use crate::ops;
use crate::ops::lookup::By;

pub(super) struct DirectoryService(pub(super) Arc<App>);

#[tonic::async_trait]
impl Directory for DirectoryService {
    async fn lookup(&self, request: Request<wire::LookupRequest>) -> Reply<wire::LookupResponse> {
        use wire::lookup_request::By as Given;
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let by = match request.by.ok_or_else(|| Problem::malformed("by is needed"))? {
                Given::Identifier(text) => By::Identifier(text),
                Given::UserId(text) => By::Id(id(&text)?),
                Given::Email(text) => By::Email(text),
                Given::Username(text) => By::Username(text),
                Given::Mobile(text) => By::Mobile(text),
            };
            let (user, identifier_key) = ops::lookup::lookup(app, &cx, &by).await?;
            let user = user.map(|user| encode::account(&user, cx.now()));
            Ok(wire::LookupResponse { user, identifier_key })
        })
        .await
    }

    async fn get_contact(&self, request: Request<wire::GetContactRequest>) -> Reply<wire::Contact> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user = ops::get_contact::get_contact(app, &cx, id(&request.user_id)?).await?;
            Ok(user.map(|user| encode::contact(&user, cx.now())).unwrap_or_default())
        })
        .await
    }

    async fn prove_mailbox(
        &self,
        request: Request<wire::ProveMailboxRequest>,
    ) -> Reply<wire::ProveMailboxResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::confirm_email::prove_mailbox(app, &cx, id(&request.user_id)?).await?;
            Ok(wire::ProveMailboxResponse {})
        })
        .await
    }

    async fn data_keys(&self, request: Request<wire::DataKeysRequest>) -> Reply<wire::DataKeysResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let ids: Vec<UserId> = request.user_ids.iter().map(|text| id(text)).collect::<Result<_, _>>()?;
            let (keys, destroyed) = ops::data_keys::data_keys(app, &cx, &ids, request.epoch).await?;
            let key = |(user_id, key): (UserId, denizen_kit::seal::Key)| wire::DataKey {
                user_id: user_id.to_string(),
                key: key.expose().to_vec(),
            };
            Ok(wire::DataKeysResponse {
                keys: keys.into_iter().map(key).collect(),
                epoch: destroyed.epoch,
                destroyed: destroyed.user_ids.iter().map(ToString::to_string).collect(),
                drop_all: destroyed.drop_all,
            })
        })
        .await
    }
}
