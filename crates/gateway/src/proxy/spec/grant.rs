//! `[[gateway.grants]]`: what roles allow at routes, beyond the permissions that this system knows itself.

use std::collections::{HashMap, HashSet};

use denizen_kit::caller::{Permission, Permissions, Person};

use super::{Fields, Mistake};

/// By role, the permissions of the operator's own that it allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants(HashMap<String, HashSet<String>>);

// === impl Grants ===

impl Grants {
    /// Reads the grants; the name of each is the role.
    pub(crate) fn read(tables: Vec<toml::Table>, mistakes: &mut Vec<Mistake>) -> Self {
        let mut grants = Self::default();
        for (place, table) in tables.into_iter().enumerate() {
            let mut fields = Fields::new("grant", place + 1, table);
            let is_given = fields.has("permissions");
            let permissions: Option<Vec<String>> = fields.take("permissions");
            if !is_given {
                fields.mistake("permissions", "name at least one, such as [\"orders:read\"]");
            }
            let role = fields.name.clone();
            let found = fields.finish();
            if found.is_empty() {
                grants.0.entry(role).or_default().extend(permissions.unwrap_or_default());
            }
            mistakes.extend(found);
        }
        grants
    }

    /// Whether one of the roles allows the permission.
    pub(crate) fn allow<S: AsRef<str>>(&self, roles: &[S], permission: &str) -> bool {
        roles.iter().filter_map(|role| self.0.get(role.as_ref())).any(|held| held.contains(permission))
    }

    /// Whether a person of this system has a permission: one of the system's own, or by a role.
    pub(crate) fn may(&self, person: &Person, permission: &str) -> bool {
        let held = person.permissions;
        let own = Permission::parse(permission).is_some_and(|permission| held.has(permission));
        // Administrators have every permission, those of the operator's own too.
        own || held == Permissions::all() || self.allow(&person.roles, permission)
    }
}
