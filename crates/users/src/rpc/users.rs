//! The public contract of users.

use std::sync::Arc;

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::after;
use denizen_rpc::decode::{id, to_wire};
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::users_server::Users;
use denizen_rpc::{Reply, serve};
use tonic::Request;

use super::{decode, encode};
use crate::App;
use crate::ops;
use crate::ops::change_email::EmailChange;
use crate::ops::change_mobile::MobileChange;
use crate::ops::confirm_email::Proof;
use crate::ops::delete_user::Deletion;
use crate::ops::update_user::Update;

pub(super) struct UsersService(pub(super) Arc<App>);

impl UsersService {
    /// The account that the caller may change, before their wish is read: who may not learns nothing else.
    async fn reachable(&self, cx: &Cx, user_id: &str) -> Result<UserId, Problem> {
        let user_id = id(user_id)?;
        ops::permit(&self.0, cx, cx.require_self_or(user_id, Permission::UsersWrite)).await?;
        Ok(user_id)
    }

    /// A change that waits for proof: the account, and when the code on its way ends.
    fn pending(&self, cx: &Cx, user: wire::User) -> wire::PendingChange {
        let expires_at = to_wire(after(cx.now(), self.0.config.code_ttl));
        wire::PendingChange { user: Some(user), expires_at: Some(expires_at) }
    }
}

#[tonic::async_trait]
impl Users for UsersService {
    async fn register(&self, request: Request<wire::RegisterRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let draft = decode::draft(request, &app.config, true)?;
            Ok(ops::register::register(app, &cx, draft).await?)
        })
        .await
    }

    async fn create_user(&self, request: Request<wire::CreateUserRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::UsersWrite)).await?;
            let draft = decode::full_draft(request, &app.config)?;
            Ok(ops::create_user::create_user(app, &cx, draft).await?)
        })
        .await
    }

    async fn get_user(&self, request: Request<wire::GetUserRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user = ops::get_user::get_user(app, &cx, id(&request.user_id)?).await?;
            Ok(encode(&user, &cx))
        })
        .await
    }

    async fn list_users(&self, request: Request<wire::ListUsersRequest>) -> Reply<wire::ListUsersResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::UsersRead)).await?;
            let wanted = decode::wanted(request)?;
            let page = ops::list_users::list_users(app, &cx, &wanted).await?;
            Ok(wire::ListUsersResponse {
                users: page.users.iter().map(|user| encode(user, &cx)).collect(),
                next_cursor: page.next_cursor,
                total: page.total,
            })
        })
        .await
    }

    async fn update_user(&self, request: Request<wire::UpdateUserRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = self.reachable(&cx, &request.user_id).await?;
            let update = decode::update(&request, &app.config)?;
            Ok(ops::update_user::update_user(app, &cx, user_id, &update).await?)
        })
        .await
    }

    async fn change_username(&self, request: Request<wire::ChangeUsernameRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = self.reachable(&cx, &request.user_id).await?;
            let username = decode::username(&request.username)?;
            Ok(ops::change_username::change_username(app, &cx, user_id, username, request.if_version).await?)
        })
        .await
    }

    async fn change_email(&self, request: Request<wire::ChangeEmailRequest>) -> Reply<wire::PendingChange> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = self.reachable(&cx, &request.user_id).await?;
            let email = Some(EmailChange { email: decode::email(&request.email)? });
            let update = Update {
                email,
                password: request.password,
                if_version: request.if_version,
                ..Update::default()
            };
            let user = ops::update_user::update_user(app, &cx, user_id, &update).await?;
            Ok(self.pending(&cx, user))
        })
        .await
    }

    async fn confirm_email(&self, request: Request<wire::ConfirmEmailRequest>) -> Reply<wire::User> {
        use wire::confirm_email_request::Proof as Given;
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let take_over = request.take_over;
            let named: Option<UserId> = request.user_id.as_deref().map(id).transpose()?;
            let proof = match (request.proof, named) {
                (Some(Given::Token(token)), _) => Ok(Proof::Token { token, take_over }),
                (Some(Given::Code(code)), Some(user_id)) => Proof::code(user_id, code, take_over),
                (Some(Given::Code(_)), None) => Err(Problem::of(Code::Unauthenticated)),
                (None, _) => {
                    Err(Problem::invalid("/token", "required", "send the token of the link, or the code"))
                }
            };
            Ok(ops::confirm_email::confirm_email(app, &cx, named, proof).await?)
        })
        .await
    }

    async fn change_mobile(&self, request: Request<wire::ChangeMobileRequest>) -> Reply<wire::PendingChange> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = self.reachable(&cx, &request.user_id).await?;
            let mobile = decode::mobile(&request.mobile, &app.config)?;
            let mobile = Some(MobileChange::To { mobile, prove_again: true });
            let update = Update {
                mobile,
                password: request.password,
                if_version: request.if_version,
                ..Update::default()
            };
            let user = ops::update_user::update_user(app, &cx, user_id, &update).await?;
            Ok(self.pending(&cx, user))
        })
        .await
    }

    async fn confirm_mobile(&self, request: Request<wire::ConfirmMobileRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::confirm_mobile::confirm_mobile(app, &cx, id(&request.user_id)?, request.code).await?)
        })
        .await
    }

    async fn send_verification(
        &self,
        request: Request<wire::SendVerificationRequest>,
    ) -> Reply<wire::PendingChange> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user = ops::send_verification::send_verification(app, &cx, id(&request.user_id)?).await?;
            Ok(self.pending(&cx, user))
        })
        .await
    }

    async fn delete_user(&self, request: Request<wire::DeleteUserRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let deletion = Deletion {
                if_version: request.if_version,
                password: request.password,
                reason: decode::reason(request.reason.as_deref())?,
            };
            Ok(ops::delete_user::delete_user(app, &cx, id(&request.user_id)?, &deletion).await?)
        })
        .await
    }
}
