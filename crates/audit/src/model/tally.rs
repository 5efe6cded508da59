//! What an entry changes in the figures.

use std::collections::BTreeMap;

use denizen_kit::time::Timestamp;
use serde::Deserialize;

use super::Content;

/// Accounts by status.
pub(crate) const STATUS: &str = "users.status";
/// Accounts that are there, by role.
pub(crate) const ROLE: &str = "users.role";
/// Sessions: the label is [`LIVE`].
pub(crate) const SESSIONS: &str = "sessions";
/// Label of the sessions that have not ended.
pub(crate) const LIVE: &str = "live";
/// Accounts that were opened, by day.
pub(crate) const REGISTRATIONS: &str = "registrations";
/// Sessions that were started, by day.
pub(crate) const LOGINS: &str = "logins";
/// Tries to log in that failed, by day.
pub(crate) const FAILED_LOGINS: &str = "failed_logins";
/// Messages that were handed over, by day.
pub(crate) const DELIVERED: &str = "delivered";
/// Messages that failed for good, by day.
pub(crate) const DEAD: &str = "dead";

/// Statuses of accounts that are gone or on their way: their roles do not count.
const GONE: [&str; 2] = ["deleted", "erased"];

/// Changes of the figures by name and label, in the order in which they are written.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<(&'static str, String), i64>);

/// What the details of an event may say of an account. Absent where it does not say it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    status: Option<String>,
    from: Option<String>,
    to: Option<String>,
    role: Option<String>,
    roles: Vec<String>,
    method: Option<String>,
}

/// What an import tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Imported {
    statuses: BTreeMap<String, i64>,
    roles: BTreeMap<String, i64>,
}

// === impl Tally ===

impl Tally {
    /// The changes, each figure once.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (&'static str, &str, i64)> {
        let changed = self.0.iter().filter(|(_, change)| **change != 0);
        changed.map(|((name, label), change)| (*name, label.as_str(), *change))
    }

    /// Counts an entry. Details that do not say what they should change nothing: a figure is no reason to stop.
    pub(crate) fn add(&mut self, content: &Content) {
        match content.action.as_str() {
            "user.created" => self.created(content),
            "users.imported" => self.imported(content),
            "user.blocked" | "user.unblocked" | "user.suspended" | "user.activated" | "user.deleted"
            | "user.erased" => self.moved(&told(content)),
            "role.granted" => self.roles(&told(content), 1),
            "role.revoked" => self.roles(&told(content), -1),
            "auth.login" => {
                self.count(LOGINS, day(content), 1);
                self.count(SESSIONS, LIVE, 1);
            }
            "auth.logout" => self.count(SESSIONS, LIVE, -1),
            "auth.login_failed" if told(content).method.as_deref() != Some("step_up") => {
                self.count(FAILED_LOGINS, day(content), 1);
            }
            "notification.delivered" => self.count(DELIVERED, day(content), 1),
            "notification.dead" => self.count(DEAD, day(content), 1),
            _ => {}
        }
    }

    fn created(&mut self, content: &Content) {
        let told = told(content);
        self.count(REGISTRATIONS, day(content), 1);
        self.count(STATUS, told.status.as_deref().unwrap_or("active"), 1);
        self.roles(&told, 1);
    }

    fn imported(&mut self, content: &Content) {
        let imported: Imported = serde_json::from_str(&content.details).unwrap_or_default();
        imported.statuses.iter().for_each(|(status, count)| self.count(STATUS, status, *count));
        imported.roles.iter().for_each(|(role, count)| self.count(ROLE, role, *count));
    }

    fn moved(&mut self, told: &Told) {
        let (Some(from), Some(to)) = (told.from.as_deref(), told.to.as_deref()) else { return };
        self.count(STATUS, from, -1);
        self.count(STATUS, to, 1);
        match (GONE.contains(&from), GONE.contains(&to)) {
            (false, true) => self.roles(told, -1),
            (true, false) => self.roles(told, 1),
            _ => {}
        }
    }

    fn roles(&mut self, told: &Told, change: i64) {
        told.roles.iter().chain(&told.role).for_each(|role| self.count(ROLE, role, change));
    }

    fn count(&mut self, name: &'static str, label: impl Into<String>, change: i64) {
        *self.0.entry((name, label.into())).or_default() += change;
    }
}

fn told(content: &Content) -> Told {
    serde_json::from_str(&content.details).unwrap_or_default()
}

fn day(content: &Content) -> String {
    day_of(content.at)
}

/// The day of UTC, as ISO 8601 writes it.
pub(crate) fn day_of(at: Timestamp) -> String {
    at.to_string().chars().take_while(|letter| *letter != 'T').collect()
}

#[cfg(test)]
mod tests {
    use denizen_kit::time::from_micros;

    use super::*;

    fn content(action: &str, details: &str) -> Content {
        Content {
            id: uuid::Uuid::nil(),
            at: from_micros(1_700_000_000_000_000),
            action: action.to_owned(),
            actor: String::new(),
            subject: None,
            ip_owner: None,
            ip: None,
            request_id: String::new(),
            result: "ok".to_owned(),
            details: details.to_owned(),
        }
    }

    fn tally(told: &[(&str, &str)]) -> Vec<String> {
        let mut tally = Tally::default();
        for (action, details) in told {
            tally.add(&content(action, details));
        }
        tally.changes().map(|(name, label, change)| format!("{name} {label} {change}")).collect()
    }

    #[test]
    fn a_life_of_an_account() {
        let created = ("user.created", r#"{"status":"pending","roles":["user","editor"]}"#);
        let today = "registrations 2023-11-14 1";
        assert_eq!(
            tally(&[created]),
            [today, "users.role editor 1", "users.role user 1", "users.status pending 1"]
        );
        let activated = ("user.activated", r#"{"from":"pending","to":"active","roles":["user","editor"]}"#);
        let granted = ("role.granted", r#"{"role":"support"}"#);
        let revoked = ("role.revoked", r#"{"roles":["editor"]}"#);
        let blocked = ("user.blocked", r#"{"from":"active","to":"blocked","roles":["user","support"]}"#);
        let roles = ["users.role support 1", "users.role user 1"];
        assert_eq!(
            tally(&[created, activated, granted, revoked, blocked]),
            [&[today], roles.as_slice(), &["users.status blocked 1"]].concat()
        );
        let deleted = ("user.deleted", r#"{"from":"blocked","to":"deleted","roles":["user","support"]}"#);
        let gone = [created, activated, granted, revoked, blocked, deleted];
        assert_eq!(tally(&gone), [today, "users.status deleted 1"]);
        let restored = ("user.activated", r#"{"from":"deleted","to":"active","roles":["user","support"]}"#);
        assert_eq!(
            tally(&[gone.as_slice(), &[restored]].concat()),
            [&[today], roles.as_slice(), &["users.status active 1"]].concat()
        );
        let erased = ("user.erased", r#"{"from":"deleted","to":"erased","roles":["user","support"]}"#);
        assert_eq!(tally(&[gone.as_slice(), &[erased]].concat()), [today, "users.status erased 1"]);
    }

    #[test]
    fn sessions_logins_and_messages() {
        let told = [
            ("auth.login", "{}"),
            ("auth.login", "{}"),
            ("auth.logout", r#"{"reason":"logout"}"#),
            ("auth.login_failed", r#"{"method":"password"}"#),
            ("auth.login_failed", r#"{"method":"step_up"}"#),
            ("notification.delivered", "{}"),
            ("notification.dead", "{}"),
            ("user.viewed", r#"{"count":7}"#),
        ];
        let expected = [
            "dead 2023-11-14 1",
            "delivered 2023-11-14 1",
            "failed_logins 2023-11-14 1",
            "logins 2023-11-14 2",
            "sessions live 1",
        ];
        assert_eq!(tally(&told), expected);
    }

    #[test]
    fn an_import_counts_its_accounts_but_no_registration() {
        let details = r#"{"import_id":"x","statuses":{"active":2,"blocked":1},"roles":{"user":3}}"#;
        let expected = ["users.role user 3", "users.status active 2", "users.status blocked 1"];
        assert_eq!(tally(&[("users.imported", details)]), expected);
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        for details in ["{}", "", "[]", r#"{"from":1}"#, r#"{"from":"active"}"#, r#"{"data":"x"}"#] {
            assert_eq!(tally(&[("user.blocked", details)]), Vec::<String>::new(), "{details}");
        }
    }
}
