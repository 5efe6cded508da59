//! Who comes, for proxies that ask another service before they pass a request on: nginx (`auth_request`), Traefik
//! (`forwardAuth`) and Caddy (`forward_auth`).

use axum::response::{IntoResponse as _, Response};
use denizen_kit::problem::{Code, Problem};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::query::Query;
use crate::proxy::identity::Subject;

/// Longest name of an audience.
const MAX_AUDIENCE: usize = 64;

/// For whom the internal token is when nothing is said.
const AUDIENCE: &str = "forward-auth";

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ForwardQuery {
    /// Permissions that are needed, comma-separated.
    permission: Option<String>,
    /// Roles of which one is needed, comma-separated.
    role: Option<String>,
    /// For whom `X-Denizen-Token` is; `forward-auth` when it is not given.
    audience: Option<String>,
}

/// Say who comes
///
/// For proxies that ask before they pass a request on. The answer has no body: 200 with `X-Denizen-User`,
/// `X-Denizen-Roles`, `X-Denizen-Session` and `X-Denizen-Token`, which the proxy puts into the request; 401 without a
/// good access token, 403 without what is asked for. What `X-Forwarded-Uri` says decides nothing.
#[utoipa::path(get, path = "/api/v1/auth/forward", tag = "auth", params(ForwardQuery),
    responses((status = 200, description = "Somebody who may")))]
pub(super) async fn check_forward(
    ctx: Ctx,
    Query(query, _): Query<ForwardQuery>,
) -> Result<Response, Failure> {
    let person = ctx.person().ok_or_else(|| Problem::of(Code::Unauthenticated))?;
    let app = &ctx.app;
    let now = app.clock.now().as_second();
    let subject = Subject::of_person(person, now);
    let rules = app.proxy.rules();
    let may = list(query.permission.as_deref()).all(|permission| rules.grants.may(person, permission));
    let mut roles = list(query.role.as_deref()).peekable();
    let has_role = roles.peek().is_none() || roles.any(|role| person.roles.iter().any(|held| held == role));
    if !may || !has_role {
        return Err(Problem::of(Code::Forbidden).into());
    }
    let audience = query.audience.as_deref().unwrap_or(AUDIENCE);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if audience.is_empty() || audience.len() > MAX_AUDIENCE || !audience.bytes().all(is_plain) {
        let detail = "write 1 to 64 letters, digits, '-', '_' and '.'";
        return Err(Problem::invalid("/audience", "invalid_format", detail).into());
    }
    let mut response = StatusCode::OK.into_response();
    app.proxy.identities.of(&subject, audience, now).write(response.headers_mut());
    Ok(response)
}

fn list(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty())
}
