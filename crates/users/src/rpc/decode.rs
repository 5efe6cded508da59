//! Requests as they come in: parsed into types, every field that is wrong told at once.

use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Timestamp;
use denizen_rpc::decode::{from_wire, limit};
use denizen_rpc::users::v1 as wire;

use crate::Config;
use crate::model::profile::{is_locale, parse_metadata};
use crate::model::{Email, Metadata, Mobile, Name, Preferences, PreferencesPatch, Reason, Status, Username};
use crate::ops::change_email::EmailChange;
use crate::ops::change_mobile::MobileChange;
use crate::ops::list_users::{Exact, Filter, Sort, Wanted};
use crate::ops::open_account::Draft;
use crate::ops::update_user::{Update, UsernameChange};

/// Collects what is wrong with the fields of one request.
#[derive(Default)]
struct Fields(Vec<(&'static str, &'static str, &'static str)>);

impl Fields {
    fn read<T>(&mut self, pointer: &'static str, parsed: Result<T, &'static str>) -> Option<T> {
        parsed.map_err(|reason| self.0.push((pointer, "invalid", reason))).ok()
    }

    fn required<T>(
        &mut self,
        pointer: &'static str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        if text.trim().is_empty() {
            self.0.push((pointer, "required", "this field is needed"));
            return None;
        }
        self.read(pointer, parse(text))
    }

    fn problem(self) -> Option<Problem> {
        if self.0.is_empty() {
            return None;
        }
        let problem = Problem::new(Code::ValidationFailed, "some fields are not acceptable; see errors");
        Some(
            self.0
                .into_iter()
                .fold(problem, |problem, (pointer, code, reason)| problem.with_field(pointer, code, reason)),
        )
    }
}

/// One e-mail address.
pub(super) fn email(text: &str) -> Result<Email, Problem> {
    Email::parse(text).map_err(|reason| Problem::invalid("/email", "invalid", reason))
}

/// One mobile number.
pub(super) fn mobile(text: &str, config: &Config) -> Result<Mobile, Problem> {
    let parsed = Mobile::parse(text, config.default_region, config.strict_mobile);
    parsed.map_err(|reason| Problem::invalid("/mobile", "invalid", reason))
}

/// Why something is done, if it is said.
pub(super) fn reason(text: Option<&str>) -> Result<Option<Reason>, Problem> {
    let text = text.filter(|text| !text.trim().is_empty());
    text.map(Reason::parse).transpose().map_err(|reason| Problem::invalid("/reason", "invalid", reason))
}

/// One user name.
pub(super) fn username(text: &str) -> Result<Username, Problem> {
    Username::parse(text).map_err(|reason| Problem::invalid("/username", "invalid", reason))
}

/// A new account.
pub(super) fn draft(
    request: wire::RegisterRequest,
    config: &Config,
    needs_password: bool,
) -> Result<Draft, Problem> {
    let mut fields = Fields::default();
    let name = fields.required("/name", &request.name, Name::parse);
    let email = fields.required("/email", &request.email, Email::parse);
    let username =
        request.username.as_deref().and_then(|text| fields.read("/username", Username::parse(text)));
    let mobile_text = request.mobile.as_deref().filter(|text| !text.trim().is_empty());
    let parse_mobile = |text| Mobile::parse(text, config.default_region, config.strict_mobile);
    let mobile = mobile_text.and_then(|text| fields.read("/mobile", parse_mobile(text)));
    let metadata = request.metadata.as_deref().unwrap_or("{}");
    let metadata = fields.read("/metadata", parse_metadata(metadata));
    let preferences = fields.read("/preferences/locale", patch(request.preferences.as_ref()));
    if needs_password && request.password.is_empty() {
        fields.0.push(("/password", "required", "this field is needed"));
    }
    if request.push_token.as_ref().is_some_and(|token| token.is_empty() || token.len() > 4096) {
        fields.0.push(("/push_token", "invalid", "a push token has 1 to 4096 bytes"));
    }
    match (name, email, metadata, preferences, fields.problem()) {
        (Some(name), Some(email), Some(metadata), Some(preferences), None) => Ok(Draft {
            name,
            email,
            email_verified: false,
            username,
            mobile,
            preferences: Preferences::default().patched(&preferences),
            metadata: Metadata::of(&metadata),
            push_token: request.push_token,
            status: Status::Active,
            status_reason: None,
            roles: Vec::new(),
            password: request.password,
            password_hash: String::new(),
        }),
        (.., problem) => Err(problem.unwrap_or_else(|| Problem::of(Code::ValidationFailed))),
    }
}

/// A new account by an administrator.
pub(super) fn full_draft(request: wire::CreateUserRequest, config: &Config) -> Result<Draft, Problem> {
    let status = match request.status() {
        wire::Status::Unspecified | wire::Status::Active => Status::Active,
        wire::Status::Pending => Status::Pending,
        wire::Status::Blocked => Status::Blocked,
        wire::Status::Suspended | wire::Status::Deleted => {
            return Err(Problem::invalid(
                "/status",
                "not_allowed",
                "a new account is pending, active or blocked",
            ));
        }
    };
    let hash = request.password_hash.unwrap_or_default();
    let account = request.account.unwrap_or_default();
    let status_reason = request.status_reason.as_deref().filter(|text| !text.trim().is_empty());
    let status_reason = status_reason.map(Reason::parse).transpose();
    let status_reason =
        status_reason.map_err(|reason| Problem::invalid("/status_reason", "invalid", reason))?;
    let draft = draft(account, config, hash.is_empty())?;
    Ok(Draft {
        status,
        status_reason,
        roles: request.roles,
        email_verified: request.email_verified,
        password_hash: hash,
        ..draft
    })
}

fn patch(wire: Option<&wire::PreferencesPatch>) -> Result<PreferencesPatch, &'static str> {
    let wire = wire.cloned().unwrap_or_default();
    if wire.locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
        return Err("a locale is a language tag such as en or de-AT");
    }
    Ok(PreferencesPatch { email: wire.email, push: wire.push, sms: wire.sms, locale: wire.locale })
}

/// A change of a profile.
pub(super) fn update(request: &wire::UpdateUserRequest, config: &Config) -> Result<Update, Problem> {
    let mut fields = Fields::default();
    let name = request.name.as_deref().and_then(|text| fields.read("/name", Name::parse(text)));
    let username =
        request.username.as_deref().and_then(|text| fields.read("/username", Username::parse_any(text)));
    let email = request.email.as_deref().and_then(|text| fields.read("/email", Email::parse(text)));
    let parse_mobile = |text| Mobile::parse(text, config.default_region, config.strict_mobile);
    let mobile = request.mobile.as_deref().and_then(|text| fields.read("/mobile", parse_mobile(text)));
    let metadata =
        request.metadata.as_deref().and_then(|text| fields.read("/metadata", parse_metadata(text)));
    let preferences = fields.read("/preferences/locale", patch(request.preferences.as_ref()));
    for (pointer, both) in [
        ("/mobile", request.remove_mobile && request.mobile.is_some()),
        ("/username", request.remove_username && request.username.is_some()),
    ] {
        if both {
            fields.0.push((pointer, "ambiguous", "set it or take it away, not both"));
        }
    }
    if let Some(problem) = fields.problem() {
        return Err(problem);
    }
    Ok(Update {
        if_version: request.if_version,
        name,
        username: username
            .map(UsernameChange::To)
            .or(request.remove_username.then_some(UsernameChange::Remove)),
        preferences: preferences.filter(|patch| *patch != PreferencesPatch::default()),
        metadata,
        replace: request.replace,
        email: email.map(|email| EmailChange { email }),
        mobile: mobile
            .map(|mobile| MobileChange::To { mobile, prove_again: false })
            .or(request.remove_mobile.then_some(MobileChange::Remove)),
        password: request.password.clone(),
    })
}

/// A wanted page of the list.
pub(super) fn wanted(request: wire::ListUsersRequest) -> Result<Wanted, Problem> {
    let sort = match request.sort() {
        wire::Sort::Unspecified => None,
        wire::Sort::CreatedAt => Some(Sort::Created),
        wire::Sort::CreatedAtDesc => Some(Sort::CreatedDesc),
        wire::Sort::Username => Some(Sort::Username),
        wire::Sort::Name => Some(Sort::Name),
        wire::Sort::LastLoginAt => Some(Sort::LastLogin),
    };
    let time = |at: Option<&prost_types::Timestamp>, pointer| -> Result<Option<Timestamp>, Problem> {
        at.map(|at| from_wire(at, pointer)).transpose()
    };
    Ok(Wanted {
        created_after: time(request.created_after.as_ref(), "/created_after")?,
        created_before: time(request.created_before.as_ref(), "/created_before")?,
        limit: limit(request.limit)?,
        total: request.total,
        sort,
        filter: filter(&request)?,
        cursor: request.cursor,
    })
}

/// The one filter of a request; two at once are refused.
fn filter(request: &wire::ListUsersRequest) -> Result<Filter, Problem> {
    let status = request.status.is_some().then(|| match request.status() {
        wire::Status::Unspecified => Filter::None,
        wire::Status::Pending => Filter::Status("pending"),
        wire::Status::Active => Filter::Status("active"),
        wire::Status::Blocked => Filter::Status("blocked"),
        wire::Status::Suspended => Filter::Status("suspended"),
        wire::Status::Deleted => Filter::Deleted,
    });
    let given = [
        status,
        request.role.clone().map(Filter::Role),
        request.q.clone().filter(|q| !q.is_empty()).map(Filter::Prefix),
        request.email.clone().map(|text| Filter::Exact(Exact::Email(text))),
        request.username.clone().map(|text| Filter::Exact(Exact::Username(text))),
        request.mobile.clone().map(|text| Filter::Exact(Exact::Mobile(text))),
    ];
    let mut given = given.into_iter().flatten();
    let first = given.next().unwrap_or(Filter::None);
    if given.next().is_some() {
        let detail = "one filter at a time: status, role, q, email, username or mobile";
        return Err(Problem::invalid("/filter", "not_allowed", detail));
    }
    Ok(first)
}
