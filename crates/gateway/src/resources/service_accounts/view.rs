//! The public forms of service accounts and of their tokens.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;
use denizen_rpc::auth::v1 as wire;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::resources::{filled, time};

/// A new service account.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateForm {
    #[schema(required = true, nullable = false, max_length = 100)]
    pub(crate) name: Option<String>,
    /// Names of built-in roles; `service` when neither roles nor permissions are given.
    roles: Option<Vec<String>>,
    /// Permissions such as `users:read`, instead of roles or beside them.
    permissions: Option<Vec<String>>,
}

/// How a secret is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct RotateForm {
    /// How long the present secret stays good, at most a week; 0, the default, ends it and its access tokens at once.
    #[schema(minimum = 0, maximum = 604_800)]
    pub(crate) overlap_seconds: Option<i64>,
}

/// Client id and secret (RFC 6749 §2.3.1); they may also come as HTTP Basic.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ServiceTokenForm {
    /// `client_credentials`, if it is given.
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// The account of a machine.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceAccount {
    /// The client id.
    #[schema(format = Uuid)]
    id: String,
    /// Always `service_account`.
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    roles: Vec<String>,
    /// All that it may do, by its roles or by itself.
    permissions: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Option<Timestamp>,
    /// Who made it; null for the operator.
    #[schema(format = Uuid)]
    created_by: Option<String>,
    /// When it last asked for an access token.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// The secrets that are good now, newest first, without what they are.
    secrets: Vec<ServiceSecret>,
}

/// A client secret, as far as it is shown again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceSecret {
    #[schema(format = Uuid)]
    id: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When it ends; null until it is replaced.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A service account and its newest secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Credentials {
    #[schema(format = Uuid)]
    client_id: String,
    client_secret: String,
    #[serde(flatten)]
    account: ServiceAccount,
}

/// An access token of a service account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceToken {
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
}

// === impl CreateForm ===

impl CreateForm {
    /// The message of the form.
    pub(crate) fn into_message(self) -> wire::CreateServiceAccountRequest {
        wire::CreateServiceAccountRequest {
            name: self.name.unwrap_or_default(),
            roles: self.roles.unwrap_or_default(),
            permissions: self.permissions.unwrap_or_default(),
        }
    }
}

// === impl ServiceTokenForm ===

impl ServiceTokenForm {
    /// The message of the form, or of HTTP Basic; not of both.
    pub(crate) fn into_message(self, headers: &HeaderMap) -> Result<wire::IssueServiceTokenRequest, Problem> {
        if self.grant_type.is_some_and(|grant| grant != "client_credentials") {
            let detail = "the one grant for service accounts is client_credentials";
            return Err(Problem::invalid("/grant_type", "unsupported", detail));
        }
        let (client_id, client_secret) = match (basic(headers)?, self.client_id, self.client_secret) {
            (None, client_id, client_secret) => {
                (client_id.unwrap_or_default(), client_secret.unwrap_or_default())
            }
            (Some(pair), None, None) => pair,
            (Some(_), _, _) => {
                let detail = "send client id and secret in the body or as HTTP Basic, not both";
                return Err(Problem::invalid("/client_id", "ambiguous", detail));
            }
        };
        Ok(wire::IssueServiceTokenRequest { client_id, client_secret })
    }
}

/// Client id and secret of HTTP Basic (RFC 7617); none without an Authorization header.
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let pair = value.to_str().ok().filter(|_| values.next().is_none()).and_then(|text| {
        let (scheme, encoded) = text.split_once(' ')?;
        let decoded =
            STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        let decoded = String::from_utf8(decoded).ok()?;
        decoded.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
    });
    let malformed = "the Authorization header must be: Basic base64(client_id:client_secret)";
    pair.map(Some).ok_or_else(|| Problem::malformed(malformed))
}

// === impl ServiceAccount ===

impl ServiceAccount {
    pub(crate) fn of(account: wire::ServiceAccount) -> Self {
        let secret = |secret: wire::ServiceSecret| ServiceSecret {
            id: secret.id,
            created_at: time(secret.created_at),
            expires_at: time(secret.expires_at),
        };
        Self {
            id: account.id,
            kind: "service_account",
            name: account.name,
            roles: account.roles,
            permissions: account.permissions,
            created_at: time(account.created_at),
            created_by: filled(account.created_by),
            last_used_at: time(account.last_used_at),
            secrets: account.secrets.into_iter().map(secret).collect(),
        }
    }
}

// === impl Credentials ===

impl Credentials {
    pub(crate) fn of(made: wire::ServiceAccountWithSecret) -> Self {
        let account = ServiceAccount::of(made.account.unwrap_or_default());
        Self { client_id: account.id.clone(), client_secret: made.client_secret, account }
    }

    /// Where the account is.
    pub(crate) fn location(&self) -> String {
        format!("/api/v1/admin/service-accounts/{}", self.client_id)
    }
}

// === impl ServiceToken ===

impl ServiceToken {
    pub(crate) fn of(token: wire::ServiceToken) -> Self {
        Self { access_token: token.access_token, token_type: "Bearer", expires_in: token.expires_in }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn message(body: serde_json::Value, authorization: &[&'static str]) -> Result<(String, String), String> {
        let form: ServiceTokenForm = serde_json::from_value(body).unwrap();
        let mut headers = HeaderMap::new();
        for value in authorization {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        form.into_message(&headers)
            .map(|message| (message.client_id, message.client_secret))
            .map_err(|problem| problem.code.as_str().to_owned())
    }

    #[test]
    fn credentials_come_in_the_body_or_as_basic() {
        let pair = ("a".to_owned(), "b:c".to_owned());
        assert_eq!(message(json!({"client_id": "a", "client_secret": "b:c"}), &[]), Ok(pair.clone()));
        assert_eq!(message(json!({"grant_type": "client_credentials"}), &["Basic YTpiOmM="]), Ok(pair));
        let invalid = Err("validation_failed".to_owned());
        assert_eq!(message(json!({"client_id": "a"}), &["Basic YTpiOmM="]), invalid);
        assert_eq!(message(json!({"grant_type": "password"}), &["Basic YTpiOmM="]), invalid);
        for bad in [&["Bearer YTpiOmM="][..], &["Basic ???"], &["Basic YWJj"], &["Basic YTpi", "Basic YTpi"]]
        {
            assert_eq!(message(json!({}), bad), Err("malformed_request".to_owned()), "{bad:?}");
        }
    }
}
