//! Who comes by a route: a person of this system, or somebody whom an issuer elsewhere vouches for.

use std::borrow::Cow;
use std::sync::Arc;

use super::token::Verified;
use crate::proxy::identity::Subject;
use crate::proxy::spec::grant::Grants;

/// Who comes.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// A person of this system.
    Own(Arc<Verified>),
    /// Somebody of another issuer.
    Foreign(Arc<Foreign>),
}

/// What a token of another issuer says.
#[derive(Debug)]
pub(crate) struct Foreign {
    /// Issuer and subject: no subject of one issuer is taken for that of another, or for an account here.
    pub(crate) user: String,
    pub(crate) roles: Vec<String>,
    /// Its `scope` (RFC 8693 §4.2) and `permissions`.
    pub(crate) permissions: Vec<String>,
    /// Unix seconds.
    pub(crate) expires: i64,
    /// Name under which their requests are counted.
    pub(crate) limit_key: Box<str>,
}

// === impl Who ===

impl Who {
    /// What upstreams know them by.
    pub(crate) fn user(&self) -> Cow<'_, str> {
        match self {
            Self::Own(verified) => Cow::Owned(verified.person.user_id.to_string()),
            Self::Foreign(foreign) => Cow::Borrowed(&foreign.user),
        }
    }

    pub(crate) fn roles(&self) -> &[String] {
        match self {
            Self::Own(verified) => &verified.person.roles,
            Self::Foreign(foreign) => &foreign.roles,
        }
    }

    /// When their token ends, in Unix seconds.
    pub(crate) fn expires(&self) -> i64 {
        match self {
            Self::Own(verified) => verified.expires,
            Self::Foreign(foreign) => foreign.expires,
        }
    }

    /// What upstreams are told of them.
    pub(crate) fn subject(&self) -> Subject<'_> {
        let (user, expires) = (self.user(), self.expires());
        match self {
            Self::Own(verified) => Subject { expires, ..Subject::of_person(&verified.person, expires) },
            Self::Foreign(foreign) => {
                Subject { user, session: None, roles: &foreign.roles, amr: &[], auth_time: None, expires }
            }
        }
    }

    /// A name for them and all that decides what they may see.
    pub(crate) fn principal(&self) -> String {
        let (user, roles) = (self.user(), self.roles().join(","));
        match self {
            Self::Own(verified) => format!("own:{user}:{:x}:{roles}", verified.person.permissions.bits()),
            Self::Foreign(foreign) => format!("{user}:{}:{roles}", foreign.permissions.join(" ")),
        }
    }

    pub(crate) fn limit_key(&self) -> &str {
        match self {
            Self::Own(verified) => &verified.limit_key,
            Self::Foreign(foreign) => &foreign.limit_key,
        }
    }

    /// Whether a service account comes.
    pub(crate) fn is_service_account(&self) -> bool {
        matches!(self, Self::Own(verified) if verified.person.amr.iter().any(|method| method == "client"))
    }

    /// Whether they have a permission: of this system, of the operator's own by a role, or by what their issuer says.
    pub(crate) fn may(&self, permission: &str, grants: &Grants) -> bool {
        match self {
            Self::Own(verified) => grants.may(&verified.person, permission),
            Self::Foreign(foreign) => {
                grants.allow(&foreign.roles, permission)
                    || foreign.permissions.iter().any(|held| held == permission)
            }
        }
    }
}
