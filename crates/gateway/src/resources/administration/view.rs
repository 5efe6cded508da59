//! What administrators send, and the public form of a role.

use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;
use denizen_rpc::users::v1 as wire;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::faces::body::Missing;
use crate::resources::time;

/// Why an account is blocked.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct BlockForm {
    /// 1 to 500 characters; kept with the account.
    #[schema(required = true, nullable = false)]
    pub(crate) reason: Option<String>,
}

/// Why and until when an account is suspended.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct SuspendForm {
    /// 1 to 500 characters; kept with the account.
    #[schema(required = true, nullable = false)]
    pub(crate) reason: Option<String>,
    #[schema(required = true, nullable = false, format = DateTime)]
    pub(crate) until: Option<String>,
}

/// The roles that an account shall have.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct RolesForm {
    /// All of them; `user` is always among them.
    #[schema(required = true, nullable = false)]
    pub(crate) roles: Option<Vec<String>>,
}

/// A new role.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateRoleForm {
    /// 2 to 32 small letters, digits and hyphens.
    #[schema(required = true, nullable = false)]
    name: Option<String>,
    description: Option<String>,
    /// Such as `users:read`.
    permissions: Option<Vec<String>>,
}

/// Changes of a role; what is not named stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateRoleForm {
    description: Option<String>,
    /// All that it shall allow.
    permissions: Option<Vec<String>>,
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Role {
    name: String,
    description: String,
    permissions: Vec<String>,
    /// It comes with the system and cannot be changed.
    built_in: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

// === impl SuspendForm ===

impl SuspendForm {
    pub(crate) fn into_message(
        self,
        user_id: String,
        if_version: Option<i64>,
    ) -> Result<wire::SuspendUserRequest, Problem> {
        let mut missing = Missing::default();
        let reason = missing.take("/reason", self.reason);
        let until = missing.take("/until", self.until);
        missing.finish()?;
        let until = crate::faces::query::time("/until", Some(until))?;
        Ok(wire::SuspendUserRequest { user_id, reason, until, if_version })
    }
}

// === impl CreateRoleForm ===

impl CreateRoleForm {
    pub(crate) fn into_message(self) -> Result<wire::CreateRoleRequest, Problem> {
        let mut missing = Missing::default();
        let name = missing.take("/name", self.name);
        missing.finish()?;
        let (description, permissions) =
            (self.description.unwrap_or_default(), self.permissions.unwrap_or_default());
        Ok(wire::CreateRoleRequest { name, description, permissions })
    }
}

// === impl UpdateRoleForm ===

impl UpdateRoleForm {
    pub(crate) fn into_message(self, name: String, if_version: Option<i64>) -> wire::UpdateRoleRequest {
        let permissions = self.permissions.map(|permissions| wire::PermissionList { permissions });
        wire::UpdateRoleRequest { name, description: self.description, permissions, if_version }
    }
}

// === impl Role ===

impl Role {
    pub(crate) fn of(role: wire::Role) -> Self {
        Self {
            name: role.name,
            description: role.description,
            permissions: role.permissions,
            built_in: role.built_in,
            created_at: time(role.created_at),
            updated_at: time(role.updated_at),
        }
    }
}
