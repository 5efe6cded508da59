//! Dialects: the ways in which clients of other user services speak, each a file of routes that come with the binary.
//!
//! A dialect is made of routes and transformations only, in the form in which an operator writes routes; it can do
//! nothing that an operator's routes could not. See `docs/dialects.md` for the calls.

use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::config::Settings;
use toml::{Table, Value};

#[cfg(test)]
mod tests;

/// The dialects by name, all of which are on unless `gateway.dialects` says otherwise.
const FILES: [(&str, &str); 4] = [
    ("six-services", include_str!("../../../../dialects/six-services.toml")),
    ("rest-crud", include_str!("../../../../dialects/rest-crud.toml")),
    ("django-users", include_str!("../../../../dialects/django-users.toml")),
    ("shop-users", include_str!("../../../../dialects/shop-users.toml")),
];

/// Which dialects are spoken, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialects {
    /// Their names.
    pub names: Vec<String>,
    /// Whether everybody who is logged in may list accounts by `rest-crud`.
    pub open_list: bool,
}

// === impl Dialects ===

impl Dialects {
    /// Reads the settings.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        Self {
            names: settings.parse(
                "gateway.dialects",
                "six-services,rest-crud,django-users,shop-users",
                "whose clients are understood besides those of this API; empty for none; see docs/dialects.md",
                listed,
            ),
            open_list: settings.value(
                "gateway.dialect.rest_crud.open_list",
                "false",
                "whether everybody who is logged in may list accounts by GET /api/users",
            ),
        }
    }

    /// The routes of all of them.
    pub(crate) fn tables(&self) -> Vec<Table> {
        self.names.iter().filter_map(|name| routes(name)).flatten().collect()
    }

    /// What a route of a dialect lends to those who come by it.
    pub(crate) fn lent_to(&self, route: &str) -> Permissions {
        let is_open = self.open_list && route == "rest-crud.list-users";
        if is_open { Permissions::of(&[Permission::UsersRead]) } else { Permissions::NONE }
    }
}

/// The names of the dialects.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// The dialects of a list of names, separated by commas.
fn listed(text: &str) -> Result<Vec<String>, String> {
    let given: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    match given.iter().find(|name| names().all(|known| known != **name)) {
        Some(name) => {
            Err(format!("there is no dialect {name:?}; there are {}", names().collect::<Vec<_>>().join(", ")))
        }
        None => Ok(given.into_iter().map(str::to_owned).collect()),
    }
}

/// The routes of a dialect; none when there is no such dialect.
pub(crate) fn routes(name: &str) -> Option<Vec<Table>> {
    let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
    // The files are part of the program: a test reads each.
    let mut file: Table = text.parse().ok()?;
    let Value::Table(mut gateway) = file.remove("gateway")? else { return None };
    let Value::Array(routes) = gateway.remove("routes")? else { return None };
    let tables = routes.into_iter().filter_map(|route| match route {
        Value::Table(route) => Some(route),
        _ => None,
    });
    Some(tables.collect())
}
