//! Pages that are in the binary: one file each, with its style and script inside, allowed by their hashes.

use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use denizen_kit::seal::sha256;
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;

/// A page and the policy that lets exactly its own style and script run (CSP level 3).
#[derive(Clone, Debug)]
pub(super) struct Page {
    html: Bytes,
    policy: HeaderValue,
}

// === impl Page ===

impl Page {
    pub(super) fn new(html: String) -> Self {
        let style = source(&html, "style");
        let script = source(&html, "script");
        let policy = format!(
            "default-src 'none'; style-src {style}; script-src {script}; connect-src 'self'; img-src data:; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { html: Bytes::from(html), policy }
    }

    pub(super) fn answer(&self) -> Response {
        ([(CONTENT_SECURITY_POLICY, self.policy.clone())], Html(self.html.clone())).into_response()
    }
}

/// The hash of what stands in an element, as a source of a policy; none when the page has no such element.
fn source(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let content =
        html.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map(|(content, _)| content);
    content.map_or("'none'".to_owned(), |content| {
        format!("'sha256-{}'", STANDARD.encode(sha256(content.as_bytes())))
    })
}

/// A text in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_hash_of_what_is_there() {
        let page = Page::new("<style>a{}</style><p>x</p>".to_owned());
        let policy = page.policy.to_str().unwrap();
        let hash = STANDARD.encode(sha256(b"a{}"));
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
        assert!(policy.contains("script-src 'none'"), "{policy}");
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(escape("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    }
}
