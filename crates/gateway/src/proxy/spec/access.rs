//! Who may come by a route.

use serde::{Deserialize, Serialize};

use super::Fields;
use crate::edge::addresses::Addresses;

/// Who may come.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessSpec {
    pub(crate) auth: Option<Auth>,
    /// All of them are needed.
    pub(crate) permissions: Vec<String>,
    /// One of them is needed.
    pub(crate) roles: Vec<String>,
    pub(crate) issuers: Vec<IssuerSpec>,
    /// Whether upstreams get the access token that was looked at.
    pub(crate) keeps_authorization: bool,
    pub(crate) addresses: Addresses,
}

/// Whether a token is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Auth {
    /// It is not looked at.
    None,
    /// One that is there must be good.
    Optional,
    /// One must be there.
    Required,
}

/// Whose tokens are taken beside this system's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerSpec {
    pub(crate) issuer: String,
    pub(crate) jwks_url: String,
    pub(crate) audiences: Vec<String>,
    /// The claim with the roles; dots lead into objects.
    pub(crate) roles_claim: Option<String>,
}

// === impl AccessSpec ===

impl AccessSpec {
    pub(super) fn read(fields: &mut Fields) -> Self {
        let access = Self {
            auth: fields.take("auth"),
            permissions: fields.take("permissions").unwrap_or_default(),
            roles: fields.take("roles").unwrap_or_default(),
            issuers: fields.parse("issuers", IssuerSpec::check_all).unwrap_or_default(),
            keeps_authorization: fields.take("keep_authorization").unwrap_or_default(),
            addresses: read_addresses(fields),
        };
        let asks = !access.permissions.is_empty() || !access.roles.is_empty();
        if asks && matches!(access.auth, Some(Auth::None | Auth::Optional)) {
            fields.mistake(
                "auth",
                "who lacks a token has no permissions; write \"required\", or leave permissions out",
            );
        }
        access
    }
}

fn read_addresses(fields: &mut Fields) -> Addresses {
    let list = |list: Option<Vec<String>>| list.unwrap_or_default();
    let (allow, deny) = (list(fields.take("ip_allow")), list(fields.take("ip_deny")));
    Addresses::compile(&allow, &deny).unwrap_or_else(|detail| {
        let (key, said) = detail.split_once(": ").unwrap_or(("ip_allow", &detail));
        fields.mistake(key, said);
        Addresses::default()
    })
}

// === impl IssuerSpec ===

impl IssuerSpec {
    fn check_all(list: Vec<Self>) -> Result<Vec<Self>, String> {
        for issuer in &list {
            let url: http::Uri =
                issuer.jwks_url.parse().map_err(|_| "jwks_url: write an https:// address")?;
            let host = url.host().unwrap_or_default();
            let is_local = ["127.0.0.1", "localhost", "[::1]"].contains(&host);
            if url.scheme_str() != Some("https") && !(is_local && url.scheme_str() == Some("http")) {
                return Err(format!("jwks_url: {}: keys are fetched by https:// only", issuer.jwks_url));
            }
            if issuer.issuer.is_empty() || issuer.audiences.is_empty() {
                return Err("each needs its issuer and the audiences that tokens must be for".to_owned());
            }
            // It stands before the subject in a header, and `|` between them.
            if !issuer.issuer.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'|') {
                return Err(format!("issuer: {:?}: write it in ASCII without spaces and |", issuer.issuer));
            }
        }
        Ok(list)
    }
}
