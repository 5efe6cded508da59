//! A record as an account: checked by the rules of any other, with what is wrong told by field.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::Timestamp;
use rlibphonenumber::Region;

use super::{Fault, Record};
use crate::model::profile::is_locale;
use crate::model::{Email, Metadata, Mobile, Name, Preferences, Reason, Status, User, Username};

/// Most devices with a push token.
const MAX_DEVICES: usize = 20;

/// Longest push token in bytes.
const MAX_TOKEN: usize = 4096;

/// What decides whether a record is acceptable, beside the record.
pub(crate) struct Rules<'a> {
    /// Region of numbers without a country code.
    pub(crate) region: Region,
    /// Whether a number must be in an assigned range.
    pub(crate) strict_mobile: bool,
    /// Roles that the caller may give.
    pub(crate) roles: &'a [String],
}

/// An account that an import makes.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) password_hash: Option<String>,
    /// Whether the record had the id.
    pub(crate) brought_id: bool,
}

// === impl Record ===

impl Record {
    /// The account of the record.
    pub(crate) fn account(self, cx: &Cx, rules: &Rules<'_>) -> Result<Account, Fault> {
        let now = cx.now();
        let created_at = self.created_at.filter(|at| *at <= now).unwrap_or(now);
        let (status, status_reason, status_until) = self.state(now)?;
        let mobile =
            self.mobile.as_deref().map(|text| Mobile::parse(text, rules.region, rules.strict_mobile));
        let mobile = mobile.transpose().map_err(|why| invalid("/mobile", why))?;
        let username = self.username.as_deref().map(Username::parse_any).transpose();
        let user = User {
            id: self.id(cx)?,
            username: username.map_err(|why| invalid("/username", why))?,
            name: Name::parse(&self.name).map_err(|why| invalid("/name", why))?,
            email: self.address()?,
            email_verified_at: self.email_verified.then_some(created_at),
            pending_email: None,
            mobile_verified_at: (self.mobile_verified && mobile.is_some()).then_some(created_at),
            mobile,
            pending_mobile: None,
            status,
            status_by: status_reason.is_some().then(|| cx.caller().actor()),
            status_at: status_reason.is_some().then_some(now),
            restricted_at: None,
            status_reason,
            status_until,
            deleted_at: None,
            roles: self.roles(rules)?,
            preferences: self.preferences()?,
            metadata: self.metadata()?,
            push_tokens: self.push_tokens()?,
            avatar: None,
            created_at,
            updated_at: now,
            last_login_at: self.last_login_at.filter(|at| *at <= now),
            version: 1,
        };
        Ok(Account { user, password_hash: self.password_hash, brought_id: self.id.is_some() })
    }

    /// The id it had, where that is a UUID, so that what refers to it goes on to; else a new one.
    fn id(&self, cx: &Cx) -> Result<UserId, Fault> {
        match self.id.as_deref() {
            None => Ok(cx.id()),
            Some(text) => text.parse().map_err(|_| {
                invalid(
                    "/id",
                    "an id is a UUID; leave it out to get a new one, and keep the old one in metadata",
                )
            }),
        }
    }

    fn address(&self) -> Result<Email, Fault> {
        if self.email.trim().is_empty() {
            return Err(Fault::new("/email", "required", "an account needs an e-mail address"));
        }
        Email::parse(&self.email).map_err(|why| invalid("/email", why))
    }

    fn state(&self, now: Timestamp) -> Result<(Status, Option<Reason>, Option<Timestamp>), Fault> {
        let status = Status::parse(&self.status)
            .ok_or_else(|| invalid("/status", "a status is active, pending, blocked or suspended"))?;
        let until = self.status_until.filter(|_| status == Status::Suspended);
        if status == Status::Suspended && until.is_none() {
            return Err(Fault::new(
                "/status_until",
                "required",
                "a suspension needs the time at which it ends",
            ));
        }
        if status == Status::Active || until.is_some_and(|until| until <= now) {
            return Ok((Status::Active, None, None));
        }
        let reason = self.status_reason.as_deref().map(Reason::parse).transpose();
        Ok((status, reason.map_err(|why| invalid("/status_reason", why))?, until))
    }

    /// `user`, and the roles of the record that the caller may give.
    fn roles(&self, rules: &Rules<'_>) -> Result<Vec<String>, Fault> {
        let mut roles = vec!["user".to_owned()];
        for role in &self.roles {
            if !rules.roles.contains(role) {
                let known = rules.roles.join(", ");
                let detail = format!("{role:?} is no role that you may give; these are: {known}");
                return Err(Fault::new("/roles", "not_allowed", detail));
            }
            if !roles.contains(role) {
                roles.push(role.clone());
            }
        }
        Ok(roles)
    }

    fn preferences(&self) -> Result<Preferences, Fault> {
        let usual = Preferences::default();
        let locale = self.locale.clone().map(|locale| locale.replace('_', "-"));
        if locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
            return Err(invalid("/preferences/locale", "a locale is a language tag such as en or de-AT"));
        }
        Ok(Preferences {
            email: self.prefers_email.unwrap_or(usual.email),
            push: self.prefers_push.unwrap_or(usual.push),
            sms: self.prefers_sms.unwrap_or(usual.sms),
            locale: locale.unwrap_or(usual.locale),
        })
    }

    fn metadata(&self) -> Result<Metadata, Fault> {
        let Some(value) = &self.metadata else { return Ok(Metadata::default()) };
        Metadata::checked(value).map_err(|why| invalid("/metadata", why))
    }

    fn push_tokens(&self) -> Result<std::collections::BTreeMap<String, String>, Fault> {
        let fits = |text: &String, most| !text.is_empty() && text.len() <= most;
        let all_fit =
            self.push_tokens.iter().all(|(device, token)| fits(device, 100) && fits(token, MAX_TOKEN));
        if self.push_tokens.len() > MAX_DEVICES || !all_fit {
            return Err(invalid(
                "/push_tokens",
                "at most 20 devices, each with a token of at most 4096 bytes",
            ));
        }
        Ok(self.push_tokens.clone())
    }
}

fn invalid(pointer: &str, why: &str) -> Fault {
    Fault::new(pointer, "invalid", why)
}
