//! Accounts of machines, their secrets, and the rules about them. No I/O.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::caller::{Permission, Permissions};
use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Problem;
use denizen_kit::seal::{Key, same_secret};
use denizen_kit::time::Timestamp;
use denizen_rpc::auth::v1::CreateServiceAccountRequest;

use super::wanted::Fields;

/// The role that every service account has by name, and by default also by what it allows.
const SERVICE: &str = "service";

/// Roles that a service account can have.
const ROLES: [&str; 3] = [SERVICE, "support", "admin"];

/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// Marks what it is: no other secret of ours begins so, and scanners for leaked secrets can find it.
const PREFIX: &str = "dzs_";

/// How long wrong secrets are remembered.
pub(crate) const FAILURES_KEPT: Duration = Duration::from_secs(86_400);

/// How long a secret may stay good beside the next one.
pub(crate) const MAX_OVERLAP: Duration = Duration::from_secs(7 * 86_400);

/// An account of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceAccount {
    pub(crate) id: UserId,
    pub(crate) name: String,
    /// Names of built-in roles.
    pub(crate) roles: Vec<String>,
    /// Permissions beside those of the roles.
    pub(crate) permissions: Permissions,
    pub(crate) created_at: Timestamp,
    /// The id of who made it, or the operator's name.
    pub(crate) created_by: String,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// A secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Secret {
    /// Stands as session in the tokens that are made with it.
    pub(crate) id: SessionId,
    pub(crate) account_id: UserId,
    pub(crate) digest: Vec<u8>,
    pub(crate) created_at: Timestamp,
    /// None for one that is good until it is rotated.
    pub(crate) expires_at: Option<Timestamp>,
}

/// What a new account shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewServiceAccount {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) permissions: Permissions,
}

/// A client secret: 256 random bits.
#[derive(Clone)]
pub(crate) struct ClientSecret([u8; 32]);

// === impl ServiceAccount ===

impl ServiceAccount {
    /// All that it may do.
    pub(crate) fn may(&self) -> Permissions {
        Permissions::of_roles(&self.roles).union(self.permissions)
    }

    /// The roles that its tokens name: its own, and the one that says what it is.
    pub(crate) fn token_roles(&self) -> Vec<String> {
        let others = self.roles.iter().filter(|role| *role != SERVICE).cloned();
        [SERVICE.to_owned()].into_iter().chain(others).collect()
    }
}

// === impl Secret ===

impl Secret {
    /// Whether it is good now.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

// === impl NewServiceAccount ===

impl NewServiceAccount {
    /// Reads the request; every field that is not acceptable is told at once.
    pub(crate) fn read(request: CreateServiceAccountRequest) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let name = request.name.trim().to_owned();
        if name.is_empty() {
            fields.add("/name", "required", "give the account a name, such as that of the program");
        } else if name.chars().count() > MAX_NAME {
            fields.add("/name", "too_long", "a name has at most 100 characters");
        } else if name.chars().any(char::is_control) {
            fields.add("/name", "invalid_format", "a name has no control characters");
        }
        let mut roles = request.roles;
        roles.sort_unstable();
        roles.dedup();
        if roles.iter().any(|role| !ROLES.contains(&role.as_str())) {
            fields.add(
                "/roles",
                "unknown",
                "a service account can have the roles service, support and admin",
            );
        }
        let named =
            request.permissions.iter().map(|name| Permission::parse(name)).collect::<Option<Vec<_>>>();
        if named.is_none() {
            let known = Permissions::all().names().join(", ");
            fields.add("/permissions", "unknown", &format!("the permissions are {known}"));
        }
        fields.finish()?;
        let permissions = Permissions::of(&named.unwrap_or_default());
        if roles.is_empty() && permissions == Permissions::NONE {
            roles.push(SERVICE.to_owned());
        }
        Ok(Self { name, roles, permissions })
    }
}

// === impl ClientSecret ===

impl ClientSecret {
    /// The secret of these random bytes.
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads what [`ClientSecret::to_text`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The text that is shown once.
    pub(crate) fn to_text(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }

    /// What is kept of it.
    pub(crate) fn digest(&self, key: &Key, account_id: UserId) -> [u8; 32] {
        key.mac(&[account_id.uuid().as_bytes(), &self.0])
    }
}

/// The one of these secrets that the digest is of. Each is compared, in constant time, and one when there are none.
pub(crate) fn matching(secrets: Vec<Secret>, digest: &[u8; 32]) -> Option<Secret> {
    same_secret(&[0; 32], digest);
    secrets.into_iter().fold(
        None,
        |found, secret| {
            if same_secret(&secret.digest, digest) { Some(secret) } else { found }
        },
    )
}

/// How long to wait after this many wrong secrets in a row.
pub(crate) fn delay(failures: i64) -> Option<Duration> {
    let beyond = u32::try_from(failures - 5).ok()?;
    Some(Duration::from_secs(2_u64.saturating_pow(beyond).min(300)))
}

#[cfg(test)]
mod tests {
    use denizen_kit::id::Id;

    use super::*;

    fn wanted(name: &str, roles: &[&str], permissions: &[&str]) -> Result<NewServiceAccount, Vec<String>> {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let request = CreateServiceAccountRequest {
            name: name.to_owned(),
            roles: texts(roles),
            permissions: texts(permissions),
        };
        NewServiceAccount::read(request)
            .map_err(|problem| problem.fields.into_iter().map(|field| field.pointer).collect())
    }

    fn account(roles: &[&str], permissions: &[&str]) -> ServiceAccount {
        let wanted = wanted("shop", roles, permissions).unwrap();
        ServiceAccount {
            id: Id::nil(),
            name: wanted.name,
            roles: wanted.roles,
            permissions: wanted.permissions,
            created_at: Timestamp::UNIX_EPOCH,
            created_by: String::new(),
            last_used_at: None,
        }
    }

    #[test]
    fn an_account_may_what_its_roles_and_permissions_say_and_nothing_else() {
        assert_eq!(account(&[], &[]).may(), Permissions::of_role("service"), "the default");
        let reader = account(&[], &["audit:read"]);
        assert_eq!(reader.may(), Permissions::of(&[Permission::AuditRead]), "not also what the role allows");
        assert_eq!(reader.token_roles(), ["service"]);
        let both = account(&["support", "service"], &["audit:read"]);
        assert!(both.may().has(Permission::UsersBlock) && both.may().has(Permission::NotificationsSend));
        assert_eq!(both.token_roles(), ["service", "support"]);
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        assert_eq!(wanted(" ", &["root"], &["users:all"]).unwrap_err(), ["/name", "/roles", "/permissions"]);
        assert_eq!(wanted(&"x".repeat(101), &["service"], &[]).unwrap_err(), ["/name"]);
        assert_eq!(wanted("a\nb", &[], &[]).unwrap_err(), ["/name"]);
        assert_eq!(wanted(" shop ", &["service", "service"], &[]).unwrap().roles, ["service"]);
    }

    #[test]
    fn a_secret_is_known_by_its_digest_for_its_account() {
        let key = Key::from_bytes([1; 32]);
        let secret = ClientSecret::new([7; 32]);
        let id: UserId = "0192aa00-0000-7000-8000-000000000001".parse().unwrap();
        let kept = Secret {
            id: Id::nil(),
            account_id: id,
            digest: secret.digest(&key, id).to_vec(),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
        };
        let read = ClientSecret::parse(&secret.to_text()).unwrap();
        assert_eq!(matching(vec![kept.clone()], &read.digest(&key, id)), Some(kept.clone()));
        assert_eq!(matching(vec![kept.clone()], &read.digest(&key, Id::nil())), None, "other account");
        assert_eq!(matching(vec![kept], &ClientSecret::new([8; 32]).digest(&key, id)), None, "other secret");
        assert_eq!(matching(Vec::new(), &[0; 32]), None, "no secret");
        for bad in ["", "dzs_", "dzs_AAAA", &secret.to_text()[4..], &format!("{}=", secret.to_text())] {
            assert!(ClientSecret::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_wait_doubles_to_five_minutes() {
        let seconds = |failures| delay(failures).map(|wait| wait.as_secs());
        assert_eq!([0, 4, 5, 6, 7].map(seconds), [None, None, Some(1), Some(2), Some(4)]);
        assert_eq!([13, 14, 1_000_000].map(seconds), [Some(256), Some(300), Some(300)]);
    }
}
