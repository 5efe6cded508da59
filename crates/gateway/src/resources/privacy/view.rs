//! The public forms of privacy: what is asked, and what is answered.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;
use denizen_rpc::users::v1 as wire;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::resources::time;

/// The wish to erase an account.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct EraseForm {
    /// From the owner; may be left out after a step-up.
    pub(crate) password: Option<String>,
    /// From anybody else.
    #[schema(max_length = 500)]
    pub(crate) reason: Option<String>,
}

/// The wish for an archive.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ExportForm {
    /// From the owner; may be left out after a step-up.
    pub(crate) password: Option<String>,
}

/// That an account was erased.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Erased {
    /// What was destroyed, when, and what copies may still hold.
    #[schema(value_type = Object)]
    certificate: serde_json::Value,
    /// Ed25519 over the certificate in canonical form (RFC 8785), base64url; the key is at
    /// `/.well-known/denizen-certificates.json`.
    signature: String,
}

// === impl Erased ===

impl Erased {
    pub(crate) fn of(answer: &wire::EraseUserResponse) -> Result<Self, Problem> {
        let certificate = serde_json::from_str(&answer.certificate).map_err(Problem::internal)?;
        Ok(Self { certificate, signature: URL_SAFE_NO_PAD.encode(&answer.signature) })
    }
}

/// What a person says about purposes: each `true`, `false`, or an object. What was read can be sent back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(transparent)]
pub(crate) struct ConsentsForm(BTreeMap<String, ConsentForm>);

/// What a person says about one purpose.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected true, false or an object with granted and version")]
enum ConsentForm {
    /// Agreed, or not.
    Plain(bool),
    /// Agreed, or not, to a version of the text.
    Versioned { granted: bool, version: Option<String> },
    /// The list as it was read, under `items`.
    List(Vec<ListedConsent>),
}

/// A consent of a list that is sent back.
#[derive(Debug, Deserialize, ToSchema)]
struct ListedConsent {
    purpose: String,
    granted: bool,
    version: Option<String>,
}

// === impl ConsentsForm ===

impl ConsentsForm {
    pub(crate) fn into_message(self, user_id: String) -> Result<wire::SetConsentsRequest, Problem> {
        let mut consents = Vec::with_capacity(self.0.len());
        for (purpose, form) in self.0 {
            match form {
                ConsentForm::Plain(granted) => consents.push(consent(purpose, granted, None)),
                ConsentForm::Versioned { granted, version } => {
                    consents.push(consent(purpose, granted, version));
                }
                ConsentForm::List(items) if purpose == "items" => {
                    consents.extend(
                        items.into_iter().map(|item| consent(item.purpose, item.granted, item.version)),
                    );
                }
                ConsentForm::List(_) => {
                    let detail = "say true, false or an object with granted and version";
                    return Err(Problem::invalid("", "invalid", detail));
                }
            }
        }
        Ok(wire::SetConsentsRequest { user_id, consents })
    }
}

fn consent(purpose: String, granted: bool, version: Option<String>) -> wire::Consent {
    wire::Consent { purpose, granted, version: version.unwrap_or_default(), at: None }
}

/// What a person agrees to, or does not, since a time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consent {
    purpose: String,
    granted: bool,
    /// Which version of the text.
    version: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    at: Option<Timestamp>,
}

/// All consents of a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consents {
    items: Vec<Consent>,
}

/// A change of a consent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConsentChange {
    #[serde(flatten)]
    consent: Consent,
    /// Id of the account that said so, or `service:<name>`.
    by: String,
}

// === impl Consent ===

impl Consent {
    fn of(consent: wire::Consent) -> Self {
        let version = crate::resources::filled(consent.version);
        Self { purpose: consent.purpose, granted: consent.granted, version, at: time(consent.at) }
    }
}

// === impl Consents ===

impl Consents {
    pub(crate) fn of(answer: wire::ListConsentsResponse) -> Self {
        Self { items: answer.consents.into_iter().map(Consent::of).collect() }
    }
}

// === impl ConsentChange ===

impl ConsentChange {
    pub(crate) fn of(change: wire::ConsentChange) -> Self {
        Self { consent: Consent::of(change.consent.unwrap_or_default()), by: change.by }
    }
}

/// An archive of what is held about a person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Archive {
    #[schema(format = Uuid)]
    export_id: String,
    /// `pending`, `ready`, `failed` or `expired`.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When the archive goes.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Bytes.
    size: Option<i64>,
    /// Where the ZIP is, for 15 minutes; ask again for another address.
    url: Option<String>,
}

// === impl Archive ===

impl Archive {
    pub(crate) fn of(export: wire::Export, public_url: &str) -> Self {
        let status = match export.status() {
            wire::ExportStatus::Ready => "ready",
            wire::ExportStatus::Failed => "failed",
            wire::ExportStatus::Expired => "expired",
            wire::ExportStatus::Pending | wire::ExportStatus::Unspecified => "pending",
        };
        let is_ready = export.status() == wire::ExportStatus::Ready;
        let path = path(&export.user_id, &export.export_id);
        let url = format!("{}{path}/archive?token={}", public_url.trim_end_matches('/'), export.token);
        Self {
            status,
            created_at: time(export.created_at),
            expires_at: time(export.expires_at),
            size: is_ready.then_some(export.size),
            url: is_ready.then_some(url),
            export_id: export.export_id,
        }
    }
}

/// Where an archive's state is.
pub(crate) fn path(user_id: &str, export_id: &str) -> String {
    format!("/api/v1/users/{user_id}/exports/{export_id}")
}

/// Whether the processing of a profile is restricted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Restriction {
    restricted: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

// === impl Restriction ===

impl Restriction {
    pub(crate) fn of(restriction: &wire::Restriction) -> Self {
        Self { restricted: restriction.restricted, since: time(restriction.since) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consents_are_plain_versioned_or_sent_back() {
        let read =
            |text: &str| serde_json::from_str::<ConsentsForm>(text).unwrap().into_message(String::new());
        let said = |text: &str| {
            let list = read(text).unwrap().consents.into_iter();
            list.map(|consent| (consent.purpose, consent.granted, consent.version)).collect::<Vec<_>>()
        };
        assert_eq!(said(r#"{"a":true}"#), [("a".into(), true, String::new())]);
        assert_eq!(said(r#"{"a":{"granted":false,"version":"2"}}"#), [("a".into(), false, "2".into())]);
        let sent_back =
            r#"{"items":[{"purpose":"a","granted":true,"version":null,"at":"2026-01-01T00:00:00Z"}]}"#;
        assert_eq!(said(sent_back), [("a".into(), true, String::new())]);
        assert!(read(r#"{"a":[]}"#).is_err());
        for bad in [r#"{"a":"yes"}"#, r#"{"a":1}"#, r#"{"a":{}}"#] {
            assert!(serde_json::from_str::<ConsentsForm>(bad).is_err(), "{bad}");
        }
    }
}
