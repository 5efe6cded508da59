//! Roles: named sets of permissions, built in or made by administrators.

use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;

/// The built-in roles and what they are for.
pub(crate) const BUILT_IN: [(&str, &str); 4] = [
    ("admin", "May do everything"),
    ("service", "Sends notifications and looks at accounts, for machine callers"),
    ("support", "Looks at accounts, blocks them, ends sessions"),
    ("user", "Acts on itself; every account has it"),
];

/// Most characters of a description.
const MAX_DESCRIPTION: usize = 200;

/// Most roles of one account.
pub(crate) const MAX_ROLES: usize = 20;

/// A role that administrators made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) permissions: Permissions,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) version: i64,
}

/// Whether a role of this name comes with the system.
pub(crate) fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(built_in, _)| *built_in == name)
}

/// Reads the name of a role that somebody makes.
pub(crate) fn parse_name(text: &str) -> Result<String, &'static str> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(2..=32).contains(&text.len()) || !text.chars().all(good) {
        return Err("a role's name has 2 to 32 small letters, digits and hyphens");
    }
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) || text.ends_with('-') {
        return Err("a role's name starts with a letter and does not end with a hyphen");
    }
    Ok(text.to_owned())
}

/// Reads a description, which may be empty.
pub(crate) fn parse_description(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.chars().count() > MAX_DESCRIPTION || text.chars().any(char::is_control) {
        return Err("a description has at most 200 characters on one line");
    }
    Ok(text.to_owned())
}

/// Reads names of permissions; 422 at the first that is none.
pub(crate) fn parse_permissions(names: &[String]) -> Result<Permissions, Problem> {
    let mut list = Vec::with_capacity(names.len().min(Permission::ALL.len()));
    for (index, name) in names.iter().enumerate() {
        let known = Permission::ALL.into_iter().find(|permission| permission.as_str() == name);
        let Some(permission) = known else {
            let all = Permission::ALL.map(Permission::as_str).join(", ");
            let detail = format!("there is no such permission; there are {all}");
            return Err(Problem::invalid(&format!("/permissions/{index}"), "unknown", detail));
        };
        list.push(permission);
    }
    Ok(Permissions::of(&list))
}

/// The names of the permissions of a set.
pub(crate) fn names_of(permissions: Permissions) -> Vec<String> {
    let held = Permission::ALL.into_iter().filter(|permission| permissions.has(*permission));
    held.map(|permission| permission.as_str().to_owned()).collect()
}

/// The roles of an account as they are kept: `user` first, each once.
pub(crate) fn normalised(wanted: &[String]) -> Vec<String> {
    let mut roles = vec!["user".to_owned()];
    for role in wanted {
        if !roles.contains(role) {
            roles.push(role.clone());
        }
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["auditor", "tier-2", "l10n"] {
            assert_eq!(parse_name(good).as_deref(), Ok(good));
        }
        for bad in ["", "a", "Auditor", "2nd", "a b", "a,b", "ops-", "ädmin", &"a".repeat(33)] {
            assert!(parse_name(bad).is_err(), "{bad:?}");
        }
        assert!(parse_description("a\nb").is_err() && parse_description(&"x".repeat(201)).is_err());
    }

    #[test]
    fn permissions_by_name() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let read = parse_permissions(&names(&["audit:read", "users:read", "users:read"])).unwrap();
        assert_eq!(names_of(read), ["users:read", "audit:read"]);
        let problem = parse_permissions(&names(&["users:read", "users:*"])).unwrap_err();
        assert_eq!(problem.fields[0].pointer, "/permissions/1");
        assert_eq!(names_of(Permissions::all()).len(), Permission::ALL.len());
    }

    #[test]
    fn every_account_has_the_role_user_once() {
        let wanted = ["support", "user", "support"].map(str::to_owned);
        assert_eq!(normalised(&wanted), ["user", "support"]);
        assert_eq!(normalised(&[]), ["user"]);
        assert!(is_built_in("admin") && !is_built_in("auditor"));
    }
}
