//! What a client sends about an account, and the messages that follow from it.

use denizen_kit::problem::Problem;
use denizen_rpc::users::v1 as wire;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::faces::body::Missing;

/// Preferences to change; what is not named stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct PreferencesForm {
    email: Option<bool>,
    push: Option<bool>,
    sms: Option<bool>,
    /// Language of messages (BCP 47).
    locale: Option<String>,
}

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RegisterForm {
    #[schema(required = true, nullable = false)]
    name: Option<String>,
    #[schema(required = true, nullable = false)]
    email: Option<String>,
    username: Option<String>,
    mobile: Option<String>,
    #[schema(required = true, nullable = false)]
    password: Option<String>,
    preferences: Option<PreferencesForm>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Of the device `default`.
    push_token: Option<String>,
}

/// A new account of somebody else.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateUserForm {
    #[schema(required = true, nullable = false)]
    name: Option<String>,
    #[schema(required = true, nullable = false)]
    email: Option<String>,
    username: Option<String>,
    mobile: Option<String>,
    /// Required without `password_hash`.
    password: Option<String>,
    preferences: Option<PreferencesForm>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    roles: Option<Vec<String>>,
    /// The same as `roles` with one entry.
    role: Option<String>,
    /// `active` when it is not given.
    status: Option<String>,
    status_reason: Option<String>,
    /// A PHC string, instead of the password.
    password_hash: Option<String>,
    email_verified: Option<bool>,
}

/// A new user name.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct UsernameForm {
    #[schema(required = true, nullable = false)]
    pub(crate) username: Option<String>,
}

/// A new e-mail address.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct EmailForm {
    #[schema(required = true, nullable = false)]
    pub(crate) email: Option<String>,
    /// A fresh proof, unless one logged in within 15 minutes.
    pub(crate) password: Option<String>,
}

/// A new mobile number.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MobileForm {
    #[schema(required = true, nullable = false)]
    pub(crate) mobile: Option<String>,
    /// A fresh proof, unless one logged in within 15 minutes.
    pub(crate) password: Option<String>,
}

/// The proof of an address: one of the two.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ProofForm {
    /// As in the message.
    pub(crate) code: Option<String>,
    /// Of the link in the message.
    pub(crate) token: Option<String>,
    /// With a token: one holds the mailbox but did not register the account. Its sessions end and its password goes;
    /// `POST /password/forgot` brings a new one.
    pub(crate) take_over: Option<bool>,
}

/// What a deletion may say.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct DeleteForm {
    /// A fresh proof, unless one logged in within 15 minutes.
    pub(crate) password: Option<String>,
    /// For the record.
    pub(crate) reason: Option<String>,
}

// === impl PreferencesForm ===

impl PreferencesForm {
    pub(crate) fn into_message(self) -> wire::PreferencesPatch {
        let Self { email, push, sms, locale } = self;
        wire::PreferencesPatch { email, push, sms, locale }
    }
}

// === impl RegisterForm ===

impl RegisterForm {
    pub(crate) fn into_message(self) -> Result<wire::RegisterRequest, Problem> {
        let mut missing = Missing::default();
        let message = self.into_account(&mut missing, true);
        missing.finish()?;
        Ok(message)
    }

    fn into_account(self, missing: &mut Missing, needs_password: bool) -> wire::RegisterRequest {
        wire::RegisterRequest {
            name: missing.take("/name", self.name),
            email: missing.take("/email", self.email),
            username: self.username,
            mobile: self.mobile,
            password: if needs_password {
                missing.take("/password", self.password)
            } else {
                self.password.unwrap_or_default()
            },
            preferences: self.preferences.map(PreferencesForm::into_message),
            metadata: self.metadata.map(|metadata| Value::Object(metadata).to_string()),
            push_token: self.push_token,
        }
    }
}

// === impl CreateUserForm ===

impl CreateUserForm {
    pub(crate) fn into_message(self) -> Result<wire::CreateUserRequest, Problem> {
        let mut missing = Missing::default();
        let form = RegisterForm {
            name: self.name,
            email: self.email,
            username: self.username,
            mobile: self.mobile,
            password: self.password,
            preferences: self.preferences,
            metadata: self.metadata,
            push_token: None,
        };
        let account = form.into_account(&mut missing, self.password_hash.is_none());
        missing.finish()?;
        let status = self.status.as_deref().map(read_status).transpose()?;
        let mut roles = self.roles.unwrap_or_default();
        roles.extend(self.role);
        Ok(wire::CreateUserRequest {
            account: Some(account),
            roles,
            status: status.unwrap_or(wire::Status::Unspecified).into(),
            status_reason: self.status_reason,
            password_hash: self.password_hash,
            email_verified: self.email_verified.unwrap_or_default(),
        })
    }
}

// === impl ProofForm ===

impl ProofForm {
    /// The proof of an e-mail address.
    pub(crate) fn into_email_proof(self) -> Result<wire::confirm_email_request::Proof, Problem> {
        use wire::confirm_email_request::Proof;
        match (self.code, self.token) {
            (Some(code), None) => Ok(Proof::Code(code)),
            (None, Some(token)) => Ok(Proof::Token(token)),
            (Some(_), Some(_)) => {
                Err(Problem::invalid("/token", "ambiguous", "send code or token, not both"))
            }
            (None, None) => Err(Problem::invalid("/code", "required", "send code or token")),
        }
    }
}

/// A status by its name.
pub(crate) fn read_status(text: &str) -> Result<wire::Status, Problem> {
    match text {
        "pending" => Ok(wire::Status::Pending),
        "active" => Ok(wire::Status::Active),
        "blocked" => Ok(wire::Status::Blocked),
        "suspended" => Ok(wire::Status::Suspended),
        "deleted" => Ok(wire::Status::Deleted),
        _ => Err(Problem::invalid(
            "/status",
            "unknown",
            "status is pending, active, blocked, suspended or deleted",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(problem: &Problem) -> Vec<&str> {
        problem.fields.iter().map(|field| field.pointer.as_str()).collect()
    }

    #[test]
    fn a_registration_tells_all_that_is_missing() {
        let form: RegisterForm = serde_json::from_value(json!({"username": "ada"})).unwrap();
        let problem = form.into_message().unwrap_err();
        assert_eq!(pointers(&problem), ["/name", "/email", "/password"]);
    }

    #[test]
    fn a_hash_stands_for_the_password() {
        let body = json!({"name": "A", "email": "a@x.test", "password_hash": "$argon2id$x", "role": "support", "status": "pending"});
        let form: CreateUserForm = serde_json::from_value(body).unwrap();
        let message = form.into_message().unwrap();
        assert_eq!(
            (message.roles, message.status),
            (vec!["support".to_owned()], wire::Status::Pending.into())
        );
        let none: CreateUserForm = serde_json::from_value(json!({})).unwrap();
        assert_eq!(pointers(&none.into_message().unwrap_err()), ["/name", "/email", "/password"]);
    }
}
