//! The development mailbox: what would have been sent. Only for a person at the machine itself: see [`check`].

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;
use denizen_rpc::decode::MAX_LIMIT;
use denizen_rpc::notify::internal::v1 as wire;
use http::HeaderMap;
use http::Uri;
use http::header::HOST;
use serde::{Deserialize, Serialize};

use super::page::Page;
use crate::edge::client::is_proxied;
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::query::Query;
use crate::state::App;

/// The routes of the mailbox, in development only.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let style = include_str!("../../pages/style.css");
    let page = Page::new(include_str!("../../pages/mailbox.html").replace("/*STYLE*/", style));
    let show = move |ctx: Ctx, headers: HeaderMap| std::future::ready(show(&ctx, &headers, &page));
    vec![("/dev/mailbox", get(show)), ("/dev/mailbox/messages", get(messages))]
}

/// To whom.
#[derive(Debug, Deserialize)]
struct MailboxQuery {
    to: Option<String>,
}

/// Messages, newest first.
#[derive(Debug, Serialize)]
struct Messages {
    items: Vec<Message>,
}

/// A message that was caught.
#[derive(Debug, Serialize)]
struct Message {
    id: String,
    channel: String,
    to: String,
    subject: String,
    text: String,
    html: String,
    created_at: Option<Timestamp>,
}

fn show(ctx: &Ctx, headers: &HeaderMap, page: &Page) -> Result<Response, Failure> {
    check(ctx, headers)?;
    Ok(page.answer())
}

async fn messages(
    ctx: Ctx,
    headers: HeaderMap,
    Query(query, _): Query<MailboxQuery>,
) -> Result<Json<Messages>, Failure> {
    check(&ctx, &headers)?;
    let request = wire::ListMessagesRequest { to: query.to.unwrap_or_default(), limit: MAX_LIMIT };
    let answer = ctx.app.links.mailbox(&ctx.visit.call).list_messages(request).await?.into_inner();
    Ok(Json(Messages { items: answer.items.into_iter().map(Message::of).collect() }))
}

/// Lets pass who sits at this machine: a loopback peer that asked a loopback host, no proxy between, on a node that
/// is for development and reachable by loopback only. To all others the mailbox does not exist.
fn check(ctx: &Ctx, headers: &HeaderMap) -> Result<(), Problem> {
    let config = &ctx.app.config;
    let is_near = ctx.visit.peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let asks_loopback =
        headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(is_loopback_authority);
    let public_url = config.public_url.parse::<Uri>().ok();
    let is_local =
        public_url.and_then(|uri| uri.authority().map(|name| is_loopback_authority(name.as_str())));
    if config.development && is_near && asks_loopback && !is_proxied(headers) && is_local == Some(true) {
        return Ok(());
    }
    Err(Problem::not_found("there is nothing at this path; see /docs for what there is"))
}

/// Whether `host[:port]` names this machine.
fn is_loopback_authority(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, _)) => inner,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

// === impl Message ===

impl Message {
    fn of(message: wire::Message) -> Self {
        let wire::Message { id, channel, to, subject, text, html, created_at } = message;
        let created_at = created_at.and_then(|at| denizen_rpc::decode::from_wire(&at, "").ok());
        Self { id, channel, to, subject, text, html, created_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine() {
        for near in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "[::1]"] {
            assert!(is_loopback_authority(near), "{near}");
        }
        for far in [
            "example.com",
            "localhost.evil.test",
            "127.0.0.1.evil.test:80",
            "10.0.0.1",
            "[::2]",
            "",
            "user@localhost",
        ] {
            assert!(!is_loopback_authority(far), "{far}");
        }
    }
}
