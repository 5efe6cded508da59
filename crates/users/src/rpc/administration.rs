//! What administrators do with accounts and roles, and what gateways hear of it.

use std::pin::Pin;
use std::sync::Arc;

use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::problem::Problem;
use denizen_rpc::decode::{from_wire, id, to_wire};
use denizen_rpc::users::internal::v1 as internal;
use denizen_rpc::users::internal::v1::access_server::Access;
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::administration_server::Administration;
use denizen_rpc::{Reply, serve};
use futures::Stream;
use tonic::{Request, Response, Status};

use super::decode;
use crate::App;
use crate::model::Reason;
use crate::model::role::{MAX_ROLES, Role, names_of, parse_description, parse_name, parse_permissions};
use crate::ops;
use crate::ops::activate_user::Lift;
use crate::ops::roles::{NewRole, RoleChange};
use crate::ops::suspend_user::Suspension;

pub(super) struct AdministrationService(pub(super) Arc<App>);

pub(super) struct AccessService(pub(super) Arc<App>);

/// A reason that must be given.
fn reason(text: &str) -> Result<Reason, Problem> {
    let reason = decode::reason(Some(text))?;
    reason.ok_or_else(|| Problem::invalid("/reason", "required", "say why; it is kept with the account"))
}

#[tonic::async_trait]
impl Administration for AdministrationService {
    async fn block_user(&self, request: Request<wire::BlockUserRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::UsersBlock)).await?;
            let (id, reason) = (id(&request.user_id)?, reason(&request.reason)?);
            Ok(ops::block_user::block_user(app, &cx, id, reason, request.if_version).await?)
        })
        .await
    }

    async fn unblock_user(&self, request: Request<wire::UnblockUserRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::UsersBlock)).await?;
            let (id, version) = (id(&request.user_id)?, request.if_version);
            Ok(ops::activate_user::activate_user(app, &cx, id, Lift::Sanction, version).await?)
        })
        .await
    }

    async fn suspend_user(&self, request: Request<wire::SuspendUserRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::UsersBlock)).await?;
            let (id, reason) = (id(&request.user_id)?, reason(&request.reason)?);
            let until = request.until.as_ref();
            let needed = || Problem::invalid("/until", "required", "say until when, as an RFC 3339 time");
            let until = from_wire(until.ok_or_else(needed)?, "/until")?;
            let wish = Suspension { until, reason, if_version: request.if_version };
            Ok(ops::suspend_user::suspend_user(app, &cx, id, wish).await?)
        })
        .await
    }

    async fn activate_user(&self, request: Request<wire::ActivateUserRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::UsersBlock)).await?;
            let (id, version) = (id(&request.user_id)?, request.if_version);
            Ok(ops::activate_user::activate_user(app, &cx, id, Lift::Everything, version).await?)
        })
        .await
    }

    async fn set_roles(&self, request: Request<wire::SetRolesRequest>) -> Reply<wire::User> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::RolesManage)).await?;
            if request.roles.len() > MAX_ROLES {
                return Err(Problem::invalid("/roles", "too_long", "an account has at most 20 roles"));
            }
            let (id, version) = (id(&request.user_id)?, request.if_version);
            Ok(ops::set_roles::set_roles(app, &cx, id, &request.roles, version).await?)
        })
        .await
    }

    async fn list_roles(&self, request: Request<wire::ListRolesRequest>) -> Reply<wire::ListRolesResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, _| {
            Ok(wire::ListRolesResponse { roles: ops::roles::list_roles(app, &cx).await? })
        })
        .await
    }

    async fn get_role(&self, request: Request<wire::GetRoleRequest>) -> Reply<wire::Role> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::roles::get_role(app, &cx, &request.name).await?)
        })
        .await
    }

    async fn create_role(&self, request: Request<wire::CreateRoleRequest>) -> Reply<wire::Role> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::RolesManage)).await?;
            let invalid = |pointer: &'static str| move |reason| Problem::invalid(pointer, "invalid", reason);
            let wanted = NewRole {
                name: parse_name(&request.name).map_err(invalid("/name"))?,
                description: parse_description(&request.description).map_err(invalid("/description"))?,
                permissions: parse_permissions(&request.permissions)?,
            };
            Ok(ops::roles::create_role(app, &cx, wanted).await?)
        })
        .await
    }

    async fn update_role(&self, request: Request<wire::UpdateRoleRequest>) -> Reply<wire::Role> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::RolesManage)).await?;
            let description = request.description.as_deref().map(parse_description).transpose();
            let permissions = request.permissions.map(|list| parse_permissions(&list.permissions));
            let change = RoleChange {
                description: description
                    .map_err(|reason| Problem::invalid("/description", "invalid", reason))?,
                permissions: permissions.transpose()?,
                if_version: request.if_version,
            };
            Ok(ops::roles::update_role(app, &cx, &request.name, &change).await?)
        })
        .await
    }

    async fn delete_role(
        &self,
        request: Request<wire::DeleteRoleRequest>,
    ) -> Reply<wire::DeleteRoleResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::roles::delete_role(app, &cx, &request.name, request.if_version).await?)
        })
        .await
    }
}

#[tonic::async_trait]
impl Access for AccessService {
    type WatchAccessStream = Pin<Box<dyn Stream<Item = Result<internal::AccessState, Status>> + Send>>;

    async fn watch_access(
        &self,
        request: Request<internal::WatchAccessRequest>,
    ) -> Result<Response<Self::WatchAccessStream>, Status> {
        let app = &self.0;
        let watched = serve(&app.clock, request, async |cx, _| {
            Ok(Box::pin(ops::watch_access::watch_access(app, &cx)?) as Self::WatchAccessStream)
        });
        watched.await
    }

    async fn check_access(
        &self,
        request: Request<internal::CheckAccessRequest>,
    ) -> Reply<internal::CheckAccessResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::watch_access::check_access(app, &cx, id(&request.user_id)?).await?)
        })
        .await
    }
}

/// A role that administrators made, as it goes out.
pub(crate) fn custom_role(role: &Role) -> wire::Role {
    wire::Role {
        name: role.name.clone(),
        description: role.description.clone(),
        permissions: names_of(role.permissions),
        built_in: false,
        created_at: Some(to_wire(role.created_at)),
        updated_at: Some(to_wire(role.updated_at)),
        version: role.version,
    }
}

/// A role that comes with the system, as it goes out.
pub(crate) fn built_in_role(name: &str, description: &str) -> wire::Role {
    wire::Role {
        name: name.to_owned(),
        description: description.to_owned(),
        permissions: names_of(Permissions::of_role(name)),
        built_in: true,
        created_at: None,
        updated_at: None,
        version: 1,
    }
}
