//! Which roles a process runs.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use denizen_kit::caller::Role;

/// A set of roles, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

// === impl Roles ===

impl Roles {
    /// All seven.
    pub fn all() -> Self {
        Self(Role::ALL.into_iter().collect())
    }

    /// These; none when there are none.
    pub fn of(roles: impl IntoIterator<Item = Role>) -> Option<Self> {
        let roles: BTreeSet<Role> = roles.into_iter().filter(|role| Role::ALL.contains(role)).collect();
        (!roles.is_empty()).then_some(Self(roles))
    }

    /// Whether the role runs here.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether all run here.
    pub fn is_all(&self) -> bool {
        self.0.len() == Role::ALL.len()
    }

    /// Whether any of these runs here.
    pub fn any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.has(*role))
    }

    /// The roles, in order.
    pub fn iter(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.iter().copied()
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "all" {
            return Ok(Self::all());
        }
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let roles = names.map(str::parse).collect::<Result<Vec<Role>, _>>()?;
        Self::of(roles).ok_or_else(|| "name at least one role, or all".to_owned())
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        let names: Vec<&str> = self.iter().map(Role::as_str).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        assert!("all".parse::<Roles>().unwrap().is_all());
        assert_eq!("users, auth".parse::<Roles>().unwrap().to_string(), "users,auth");
        for bad in ["", " , ", "user", "operator"] {
            assert!(bad.parse::<Roles>().is_err(), "{bad}");
        }
    }
}
