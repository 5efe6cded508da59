//! A row of `users` ⇄ [`User`]: the sealed fields open with the person's data key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_db::{Args, FromRow, Row, args};
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_kit::time::Timestamp;
use denizen_rpc::place;

use super::Sealing;
use crate::error::{Error, Result};
use crate::model::{Email, Metadata, Mobile, Name, Preferences, Reason, Status, User, Username};

const EMAIL: &str = "users/email";
const PENDING_EMAIL: &str = "users/pending-email";
const MOBILE: &str = "users/mobile";
const PENDING_MOBILE: &str = "users/pending-mobile";
const PUSH_TOKENS: &str = "users/push-tokens";
const METADATA: &str = "users/metadata";
const REASON: &str = "users/status-reason";

/// A row whose sealed fields are still closed.
#[derive(Debug)]
pub(crate) struct SealedUser {
    pub(crate) id: UserId,
    username: Option<Username>,
    name: String,
    email: Vec<u8>,
    email_verified_at: Option<Timestamp>,
    pending_email: Option<Vec<u8>>,
    mobile: Option<Vec<u8>>,
    mobile_verified_at: Option<Timestamp>,
    pending_mobile: Option<Vec<u8>>,
    status: String,
    status_reason: Option<Vec<u8>>,
    status_until: Option<Timestamp>,
    status_by: Option<String>,
    status_at: Option<Timestamp>,
    restricted_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    roles: String,
    preferences: Preferences,
    metadata: Option<Vec<u8>>,
    push_tokens: Option<Vec<u8>>,
    avatar: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_login_at: Timestamp,
    version: i64,
}

impl FromRow for SealedUser {
    fn from_row(row: &Row<'_>) -> denizen_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            username: username(row)?,
            name: row.get(2)?,
            email: row.get(3)?,
            email_verified_at: row.get(4)?,
            pending_email: row.get(5)?,
            mobile: row.get(6)?,
            mobile_verified_at: row.get(7)?,
            pending_mobile: row.get(8)?,
            status: row.get(9)?,
            status_reason: row.get(10)?,
            status_until: row.get(11)?,
            deleted_at: row.get(12)?,
            roles: row.get(13)?,
            preferences: Preferences {
                email: row.get(14)?,
                push: row.get(15)?,
                sms: row.get(16)?,
                locale: row.get(17)?,
            },
            metadata: row.get(18)?,
            push_tokens: row.get(19)?,
            avatar: row.get(20)?,
            created_at: row.get(21)?,
            updated_at: row.get(22)?,
            last_login_at: row.get(23)?,
            version: row.get(24)?,
            status_by: row.get(27)?,
            status_at: row.get(28)?,
            restricted_at: row.get(29)?,
        })
    }
}

fn username(row: &Row<'_>) -> denizen_db::Result<Option<Username>> {
    let (typed, sort, key): (Option<String>, String, Option<String>) =
        (row.get(1)?, row.get(25)?, row.get(26)?);
    Ok(typed.zip(key).map(|(typed, key)| Username::stored(typed, sort, key)))
}

// === impl SealedUser ===

impl SealedUser {
    /// The account, opened with the person's data key.
    pub(crate) fn open(self, key: &Key) -> Result<User> {
        let id = self.id;
        let text = |what: &str, sealed: Option<Vec<u8>>| -> Result<Option<String>> {
            sealed.map(|sealed| Ok(key.open_text(&place(id, what), &sealed)?)).transpose()
        };
        let email = |what: &str, sealed| -> Result<Option<Email>> {
            text(what, sealed)?
                .map(|text| Email::stored(&text).ok_or(Error::Sealed(denizen_kit::seal::Error::Broken)))
                .transpose()
        };
        let push_tokens = text(PUSH_TOKENS, self.push_tokens)?.unwrap_or_else(|| "{}".to_owned());
        Ok(User {
            id,
            username: self.username,
            name: Name::stored(self.name),
            email: email(EMAIL, Some(self.email))?.ok_or(Error::Sealed(denizen_kit::seal::Error::Broken))?,
            email_verified_at: self.email_verified_at,
            pending_email: email(PENDING_EMAIL, self.pending_email)?,
            mobile: text(MOBILE, self.mobile)?.map(Mobile::stored),
            mobile_verified_at: self.mobile_verified_at,
            pending_mobile: text(PENDING_MOBILE, self.pending_mobile)?.map(Mobile::stored),
            status: Status::parse(&self.status).unwrap_or(Status::Blocked),
            status_reason: text(REASON, self.status_reason)?.map(Reason::stored),
            status_until: self.status_until,
            status_by: self.status_by,
            status_at: self.status_at,
            restricted_at: self.restricted_at,
            deleted_at: self.deleted_at,
            roles: self.roles.split(',').filter(|role| !role.is_empty()).map(str::to_owned).collect(),
            preferences: self.preferences,
            metadata: text(METADATA, self.metadata)?.map(Metadata::stored).unwrap_or_default(),
            push_tokens: serde_json::from_str(&push_tokens).unwrap_or_default(),
            avatar: self.avatar,
            created_at: self.created_at,
            updated_at: self.updated_at,
            last_login_at: Some(self.last_login_at).filter(|at| *at > Timestamp::UNIX_EPOCH),
            version: self.version,
        })
    }
}

/// The values `$1` to `$31` of both INSERT and UPDATE.
pub(super) fn values(user: &User, sealing: &Sealing<'_>) -> Args {
    let seal = |what: &str, text: &str| sealing.key.seal_text(&place(user.id, what), text);
    let push_tokens = serde_json::to_string(&user.push_tokens).unwrap_or_default();
    let username = user.username.as_ref();
    let mobile = user.mobile.as_ref();
    args![
        user.id,
        username.map(|name| name.as_str().to_owned()),
        username.map(|name| name.key().to_owned()),
        username.map(|name| name.sort().to_owned()).unwrap_or_default(),
        user.name.as_str(),
        user.name.sort(),
        seal(EMAIL, user.email.as_str()),
        sealing.keys.blind("email", user.email.canonical()),
        user.email_verified_at,
        user.pending_email.as_ref().map(|email| seal(PENDING_EMAIL, email.as_str())),
        mobile.map(|mobile| seal(MOBILE, mobile.as_str())),
        mobile.map(|mobile| sealing.keys.blind("mobile", mobile.as_str())),
        user.mobile_verified_at,
        user.pending_mobile.as_ref().map(|mobile| seal(PENDING_MOBILE, mobile.as_str())),
        user.status.as_str(),
        user.status_reason.as_ref().map(|reason| seal(REASON, reason.as_str())),
        user.status_until,
        user.deleted_at,
        user.roles.join(","),
        user.preferences.email,
        user.preferences.push,
        user.preferences.sms,
        user.preferences.locale.as_str(),
        (!user.metadata.is_empty()).then(|| seal(METADATA, user.metadata.as_str())),
        (!user.push_tokens.is_empty()).then(|| seal(PUSH_TOKENS, &push_tokens)),
        user.avatar.clone(),
        user.created_at,
        user.updated_at,
        user.version,
        user.status_by.clone(),
        user.status_at
    ]
}

/// The reason of a status, sealed to the person for an event.
pub(crate) fn sealed_reason(user: &User, key: &Key) -> Option<String> {
    let reason = user.status_reason.as_ref()?;
    Some(STANDARD.encode(key.seal_text(&place(user.id, REASON), reason.as_str())))
}

/// The e-mail address in force, sealed to the person for an event: the notice to it needs it when it is gone.
pub(crate) fn sealed_email(user: &User, key: &Key) -> String {
    STANDARD.encode(key.seal_text(&place(user.id, EMAIL), user.email.as_str()))
}

/// The mobile number in force, sealed to the person for an event.
pub(crate) fn sealed_mobile(user: &User, key: &Key) -> Option<String> {
    let mobile = user.mobile.as_ref()?;
    Some(STANDARD.encode(key.seal_text(&place(user.id, MOBILE), mobile.as_str())))
}
