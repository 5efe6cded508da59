//! The contract of what a profile has beside its fields.

use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::decode::id;
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::profiles_server::{Profiles, ProfilesServer};
use denizen_rpc::{Reply, serve};
use tonic::Request;

use crate::App;
use crate::model::device::{Device, PushToken};
use crate::model::picture;
use crate::ops;

/// Room for a picture and what is around it in its message. A picture that is too large by less is told so by its op.
const MAX_MESSAGE: usize = picture::MAX_BYTES + (1 << 20);

pub(super) struct ProfilesService(pub(super) Arc<App>);

pub(super) fn server(app: &Arc<App>) -> ProfilesServer<ProfilesService> {
    ProfilesServer::new(ProfilesService(app.clone())).max_decoding_message_size(MAX_MESSAGE)
}

fn device(text: &str) -> Result<Device, Problem> {
    Device::parse(text).map_err(|reason| Problem::invalid("/device", "invalid", reason))
}

#[tonic::async_trait]
impl Profiles for ProfilesService {
    async fn put_avatar(&self, request: Request<wire::PutAvatarRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = id(&request.user_id)?;
            Ok(ops::put_avatar::put_avatar(app, &cx, user_id, request.content, request.if_version).await?)
        })
        .await
    }

    async fn get_avatar(&self, request: Request<wire::GetAvatarRequest>) -> Reply<wire::Avatar> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::get_avatar::get_avatar(app, &cx, id(&request.user_id)?, &request.held).await?)
        })
        .await
    }

    async fn delete_avatar(&self, request: Request<wire::DeleteAvatarRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::delete_avatar::delete_avatar(app, &cx, id(&request.user_id)?, request.if_version).await?)
        })
        .await
    }

    async fn put_push_token(&self, request: Request<wire::PutPushTokenRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = id(&request.user_id)?;
            ops::permit(app, &cx, cx.require_self(user_id)).await?;
            let token = PushToken::parse(&request.token)
                .map_err(|reason| Problem::invalid("/token", "invalid", reason))?;
            let device = device(&request.device)?;
            Ok(ops::push_tokens::put_push_token(app, &cx, user_id, &device, &token).await?)
        })
        .await
    }

    async fn delete_push_token(&self, request: Request<wire::DeletePushTokenRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = id(&request.user_id)?;
            ops::permit(app, &cx, cx.require_self(user_id)).await?;
            Ok(ops::push_tokens::delete_push_token(app, &cx, user_id, &device(&request.device)?).await?)
        })
        .await
    }
}
