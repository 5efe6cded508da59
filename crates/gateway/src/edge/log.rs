//! The line of a request in the access log: JSON or text without anything of a person, or the combined format of web
//! servers, which has addresses and paths.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::body::Body;
use axum::response::Response;
use denizen_kit::telemetry;
use denizen_kit::time::Timestamp;
use http::header::{CONTENT_LENGTH, REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName, Method, Request, Version};

/// How lines of requests look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// As other lines do, by the template of the route.
    #[default]
    Json,
    /// The combined log format (Apache HTTP Server, `mod_log_config`): with the client's address and the path.
    Combined,
}

/// What the combined format says of a request. There is no query: it may hold a token.
pub(super) struct Asked {
    path: String,
    version: Version,
    referer: String,
    agent: String,
}

impl FromStr for AccessLogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "combined" => Ok(Self::Combined),
            _ => Err("write json or combined"),
        }
    }
}

// === impl Asked ===

impl Asked {
    pub(super) fn of(request: &Request<Body>) -> Self {
        Self {
            path: plain(request.uri().path()),
            version: request.version(),
            referer: header(request.headers(), &REFERER),
            agent: header(request.headers(), &USER_AGENT),
        }
    }

    /// Writes the line.
    pub(super) fn log(&self, at: Timestamp, ip: Option<IpAddr>, method: &Method, response: &Response) {
        telemetry::log_line(&self.line(at, ip, method, response));
    }

    fn line(&self, at: Timestamp, ip: Option<IpAddr>, method: &Method, response: &Response) -> String {
        let (ip, at) = (address(ip), time(at));
        let Self { path, version, referer, agent } = self;
        let status = response.status().as_u16();
        let announced =
            response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = http_body::Body::size_hint(response.body()).exact().or(announced);
        let bytes = bytes.map_or_else(|| "-".to_owned(), |bytes: u64| bytes.to_string());
        format!("{ip} - - [{at}] \"{method} {path} {version:?}\" {status} {bytes} \"{referer}\" \"{agent}\"")
    }
}

/// The line of a request that nobody could read.
pub(super) fn unreadable(at: Timestamp, ip: Option<IpAddr>, status: u16) -> String {
    format!("{} - - [{}] \"-\" {status} 0 \"-\" \"-\"", address(ip), time(at))
}

fn address(ip: Option<IpAddr>) -> String {
    ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string())
}

fn time(at: Timestamp) -> impl fmt::Display {
    at.strftime("%d/%b/%Y:%H:%M:%S +0000")
}

fn header(headers: &HeaderMap, name: &HeaderName) -> String {
    let value =
        headers.get(name).map_or_else(|| "-".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    let bare = if *name == REFERER { value.split(['?', '#']).next().unwrap_or_default() } else { &value };
    plain(bare)
}

/// A text that cannot end its quotes or its line.
fn plain(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\x{:02x}", u32::from(c)),
        c if c.is_control() => format!("\\x{:02x}", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().take(1_024).map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_of_the_combined_format_and_has_no_query() {
        let request = Request::get("/shop/a?token=secret")
            .header(REFERER, "https://app.example/page?code=1")
            .header(USER_AGENT, "curl \"8\"");
        let asked = Asked::of(&request.body(Body::empty()).unwrap());
        let at = Timestamp::from_second(1_769_857_200).unwrap();
        let response = Response::new(Body::from("hello"));
        let line = asked.line(at, Some("192.0.2.1".parse().unwrap()), &Method::GET, &response);
        assert_eq!(
            line,
            "192.0.2.1 - - [31/Jan/2026:11:00:00 +0000] \"GET /shop/a HTTP/1.1\" 200 5 \
             \"https://app.example/page\" \"curl \\x228\\x22\""
        );
        let line = unreadable(at, Some("192.0.2.1".parse().unwrap()), 400);
        assert_eq!(line, "192.0.2.1 - - [31/Jan/2026:11:00:00 +0000] \"-\" 400 0 \"-\" \"-\"");
    }
}
