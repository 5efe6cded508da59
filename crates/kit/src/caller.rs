//! Who calls: the acting service and, if any, the person on whose behalf; what each may do.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::id::{SessionId, UserId};
use crate::time::Timestamp;

/// A part of Denizen that runs in some process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Public faces.
    Gateway,
    /// Accounts.
    Users,
    /// Login, tokens, sessions.
    Auth,
    /// Passwords.
    Password,
    /// One-time passwords.
    Otp,
    /// Messages.
    Notify,
    /// The record of what happened.
    Audit,
    /// The operator at the command line; no process runs it.
    Operator,
}

impl Role {
    /// The roles a process can run.
    pub const ALL: [Role; 7] =
        [Role::Gateway, Role::Users, Role::Auth, Role::Password, Role::Otp, Role::Notify, Role::Audit];

    /// The role's name in settings, logs and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Gateway => "gateway",
            Role::Users => "users",
            Role::Auth => "auth",
            Role::Password => "password",
            Role::Otp => "otp",
            Role::Notify => "notify",
            Role::Audit => "audit",
            Role::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Role::ALL.into_iter().chain([Role::Operator]).find(|role| role.as_str() == text);
        known.ok_or_else(|| {
            format!("unknown role {text:?}: gateway, users, auth, password, otp, notify or audit")
        })
    }
}

/// What a person may do beyond their own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is said by its name, and its text by as_str")]
pub enum Permission {
    UsersRead,
    UsersWrite,
    UsersBlock,
    RolesManage,
    SessionsRead,
    SessionsEnd,
    PrivacyWrite,
    AuditRead,
    StatsRead,
    NotificationsSend,
    NotificationsRead,
    NotificationsManage,
    WebhooksManage,
    IpsManage,
    ServicesManage,
    GatewayRead,
}

impl Permission {
    /// All permissions, by their place in the bit set; the order never changes.
    pub const ALL: [Permission; 16] = [
        Permission::UsersRead,
        Permission::UsersWrite,
        Permission::UsersBlock,
        Permission::RolesManage,
        Permission::SessionsRead,
        Permission::SessionsEnd,
        Permission::PrivacyWrite,
        Permission::AuditRead,
        Permission::StatsRead,
        Permission::NotificationsSend,
        Permission::NotificationsRead,
        Permission::NotificationsManage,
        Permission::WebhooksManage,
        Permission::IpsManage,
        Permission::ServicesManage,
        Permission::GatewayRead,
    ];

    /// The permission of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == name)
    }

    /// The permission's name, such as `users:read`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Permission::UsersRead => "users:read",
            Permission::UsersWrite => "users:write",
            Permission::UsersBlock => "users:block",
            Permission::RolesManage => "roles:manage",
            Permission::SessionsRead => "sessions:read",
            Permission::SessionsEnd => "sessions:end",
            Permission::PrivacyWrite => "privacy:write",
            Permission::AuditRead => "audit:read",
            Permission::StatsRead => "stats:read",
            Permission::NotificationsSend => "notifications:send",
            Permission::NotificationsRead => "notifications:read",
            Permission::NotificationsManage => "notifications:manage",
            Permission::WebhooksManage => "webhooks:manage",
            Permission::IpsManage => "ips:manage",
            Permission::ServicesManage => "services:manage",
            Permission::GatewayRead => "gateway:read",
        }
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// None.
    pub const NONE: Permissions = Permissions(0);

    /// All there are.
    pub const fn all() -> Self {
        Permissions((1 << Permission::ALL.len()) - 1)
    }

    /// The set of these.
    pub fn of(list: &[Permission]) -> Self {
        Permissions(list.iter().fold(0, |bits, permission| bits | (1 << *permission as u8)))
    }

    /// The set as bits, for the wire.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set of these bits; unknown ones are dropped.
    pub const fn from_bits(bits: u64) -> Self {
        Permissions(bits & Self::all().0)
    }

    /// Whether the permission is in the set.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Whether every permission of the other set is in this one.
    pub const fn covers(self, other: Permissions) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the permissions in the set.
    pub fn names(self) -> Vec<String> {
        let held = Permission::ALL.into_iter().filter(|permission| self.has(*permission));
        held.map(|permission| permission.as_str().to_owned()).collect()
    }

    /// Both together.
    #[must_use]
    pub const fn union(self, other: Permissions) -> Self {
        Permissions(self.0 | other.0)
    }

    /// What a built-in role may do; an unknown role nothing.
    pub fn of_role(role: &str) -> Self {
        use Permission as P;
        match role {
            "admin" => Self::all(),
            "support" => Self::of(&[
                P::UsersRead,
                P::UsersBlock,
                P::SessionsRead,
                P::SessionsEnd,
                P::NotificationsRead,
            ]),
            "service" => Self::of(&[P::NotificationsSend, P::UsersRead]),
            _ => Self::NONE,
        }
    }

    /// What several built-in roles may do together.
    pub fn of_roles<S: AsRef<str>>(roles: &[S]) -> Self {
        roles.iter().fold(Self::NONE, |sum, role| sum.union(Self::of_role(role.as_ref())))
    }
}

/// The person (or service account) on whose behalf a call is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Their account.
    pub user_id: UserId,
    /// The session of the token they came with.
    pub session_id: Option<SessionId>,
    /// Names of their roles.
    pub roles: Vec<String>,
    /// What the roles allow.
    pub permissions: Permissions,
    /// When they last proved who they are.
    pub auth_time: Timestamp,
    /// How they did (RFC 8176): `pwd`, `otp` …
    pub amr: Vec<String>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The acting service.
    pub service: Role,
    /// The person, if the call is made for one.
    pub person: Option<Arc<Person>>,
}

impl Caller {
    /// A service on its own behalf: a job, a consumer of events.
    pub const fn service(service: Role) -> Self {
        Self { service, person: None }
    }

    /// The actor as the audit trail names it: a user id, `service:<name>`, or empty for an anonymous caller.
    pub fn actor(&self) -> String {
        match (&self.person, self.service) {
            (Some(person), _) => person.user_id.to_string(),
            (None, Role::Gateway) => String::new(),
            (None, service) => format!("service:{service}"),
        }
    }
}
