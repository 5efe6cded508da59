//! What an account is: parsed types and pure rules.

pub(crate) mod certificate;
pub(crate) mod consent;
pub(crate) mod device;
pub(crate) mod email;
pub(crate) mod import;
pub(crate) mod mobile;
pub(crate) mod picture;
pub(crate) mod profile;
pub(crate) mod reason;
pub(crate) mod role;
pub(crate) mod username;

use denizen_kit::id::UserId;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Timestamp;
use rlibphonenumber::Region;

pub(crate) use email::Email;
pub(crate) use mobile::Mobile;
pub(crate) use profile::{Metadata, Name, Preferences, PreferencesPatch};
pub(crate) use reason::Reason;
pub(crate) use username::Username;

/// What an account may do at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waits for its e-mail address to be proved.
    Pending,
    /// May log in.
    Active,
    /// May not log in until an administrator says otherwise.
    Blocked,
    /// May not log in until a time.
    Suspended,
}

impl Status {
    /// The status as it stands in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Active => "active",
            Status::Blocked => "blocked",
            Status::Suspended => "suspended",
        }
    }

    /// The status of a text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Status::Pending, Status::Active, Status::Blocked, Status::Suspended]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// A person's account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct User {
    /// Its id.
    pub(crate) id: UserId,
    /// User name, if one was chosen.
    pub(crate) username: Option<Username>,
    /// Name of the person.
    pub(crate) name: Name,
    /// E-mail address in force.
    pub(crate) email: Email,
    /// When it was proved.
    pub(crate) email_verified_at: Option<Timestamp>,
    /// Address that waits for proof.
    pub(crate) pending_email: Option<Email>,
    /// Mobile number in force.
    pub(crate) mobile: Option<Mobile>,
    /// When it was proved.
    pub(crate) mobile_verified_at: Option<Timestamp>,
    /// Number that waits for proof.
    pub(crate) pending_mobile: Option<Mobile>,
    /// What the account may do, unless it is deleted.
    pub(crate) status: Status,
    /// Why it is blocked, suspended or deleted.
    pub(crate) status_reason: Option<Reason>,
    /// When a suspension ends.
    pub(crate) status_until: Option<Timestamp>,
    /// Who gave it its status, as the audit trail names them.
    pub(crate) status_by: Option<String>,
    /// When they did.
    pub(crate) status_at: Option<Timestamp>,
    /// Since when the processing of the profile is restricted.
    pub(crate) restricted_at: Option<Timestamp>,
    /// When it was deleted.
    pub(crate) deleted_at: Option<Timestamp>,
    /// Names of its roles.
    pub(crate) roles: Vec<String>,
    /// How the person wants to be told things.
    pub(crate) preferences: Preferences,
    /// What the application keeps about the person.
    pub(crate) metadata: Metadata,
    /// Device to push token.
    pub(crate) push_tokens: std::collections::BTreeMap<String, String>,
    /// Which picture it has: its name in the object store.
    pub(crate) avatar: Option<String>,
    /// When the account was made.
    pub(crate) created_at: Timestamp,
    /// When it was changed last.
    pub(crate) updated_at: Timestamp,
    /// When the person logged in last.
    pub(crate) last_login_at: Option<Timestamp>,
    /// Grows by one with each change.
    pub(crate) version: i64,
}

// === impl User ===

impl User {
    /// The account after a change at this time.
    #[must_use]
    pub(crate) fn touched(mut self, now: Timestamp) -> Self {
        self.version += 1;
        self.updated_at = now;
        self
    }

    /// Refuses a change that was made against another version (`If-Match`).
    pub(crate) fn require_version(&self, wanted: Option<i64>) -> Result<(), Problem> {
        match wanted {
            Some(version) if version != self.version => Err(Problem::of(Code::StaleVersion)),
            _ => Ok(()),
        }
    }

    /// The status that holds at this time: a suspension ends by itself.
    pub(crate) fn status_at(&self, now: Timestamp) -> Status {
        match (self.status, self.status_until) {
            (Status::Suspended, Some(until)) if until <= now => Status::Active,
            (status, _) => status,
        }
    }

    /// Whether the account is an administrator's.
    pub(crate) fn is_admin(&self) -> bool {
        self.roles.iter().any(|role| role == "admin")
    }

    /// What a password must not resemble.
    pub(crate) fn context(&self) -> Vec<String> {
        let username = self.username.iter().map(|username| username.as_str().to_owned());
        let mobile = self.mobile.iter().map(|mobile| mobile.as_str().to_owned());
        [self.name.as_str().to_owned(), self.email.as_str().to_owned()]
            .into_iter()
            .chain(username)
            .chain(mobile)
            .collect()
    }
}

/// A login identifier as somebody typed it, and what it can be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Identifier {
    /// It has an at sign.
    Email(Email),
    /// It has a letter.
    Username(Username),
    /// It has digits only, and signs that numbers are written with.
    Mobile(Mobile),
}

impl Identifier {
    /// Reads an identifier; none when no account can have it.
    pub(crate) fn parse(text: &str, region: Region) -> Option<Self> {
        let text = text.trim();
        if text.contains('@') {
            return Email::parse(text).ok().map(Identifier::Email);
        }
        if text.chars().any(char::is_alphabetic) {
            return Username::parse_any(text).ok().map(Identifier::Username);
        }
        Mobile::parse(text, region, false).ok().map(Identifier::Mobile)
    }

    /// Kind and canonical form, under which tries are counted.
    pub(crate) fn canonical(&self) -> (&'static str, &str) {
        match self {
            Identifier::Email(email) => ("email", email.canonical()),
            Identifier::Username(username) => ("username", username.key()),
            Identifier::Mobile(mobile) => ("mobile", mobile.as_str()),
        }
    }
}
