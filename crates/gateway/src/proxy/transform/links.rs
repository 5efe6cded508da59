//! `Link` headers (RFC 8288) that lead to the path by which the client came.

use http::header::LINK;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};

use super::query::{encoded, pairs};

/// Rewrites the links to what was asked of the upstream into links to what the client asked for. Other links stay.
pub(super) fn rewrite(headers: &mut HeaderMap, came: &Uri, sent: &Uri) {
    let values: Vec<HeaderValue> = headers.get_all(LINK).iter().cloned().collect();
    if values.is_empty() {
        return;
    }
    headers.remove(LINK);
    for value in values {
        let rewritten = value.to_str().ok().and_then(|text| {
            let text = with_targets(text, |target| target_of(target, came, sent));
            HeaderValue::try_from(text).ok()
        });
        headers.append(LINK, rewritten.unwrap_or(value));
    }
}

/// The header with other targets: what stands in angle brackets outside quotes.
fn with_targets(text: &str, new: impl Fn(&str) -> Option<String>) -> String {
    let mut rewritten = String::with_capacity(text.len());
    let (mut is_quoted, mut is_escaped) = (false, false);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let inner = rest.strip_prefix('<').and_then(|inner| inner.split_once('>')).filter(|_| !is_quoted);
        if let Some((target, tail)) = inner {
            let target = new(target).unwrap_or_else(|| target.to_owned());
            rewritten.extend(["<", &target, ">"]);
            rest = tail;
            continue;
        }
        is_quoted ^= letter == '"' && !is_escaped;
        is_escaped = is_quoted && letter == '\\' && !is_escaped;
        rewritten.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    rewritten
}

/// The client's target with the parameters that differ from those that the upstream was asked with, such as the cursor.
/// None when the link leads elsewhere.
fn target_of(target: &str, came: &Uri, sent: &Uri) -> Option<String> {
    let link: Uri = target.parse().ok()?;
    let leads_elsewhere = link.host().is_some() && link.host() != sent.host() && sent.host().is_some();
    if link.path() != sent.path() || leads_elsewhere {
        return None;
    }
    let query = |uri: &Uri| -> Vec<(String, String)> {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    };
    let asked = query(sent);
    let mut changed = query(&link);
    changed.retain(|pair| !asked.contains(pair));
    let is_changed = |name: &str| changed.iter().any(|(known, _)| known == name);
    let mut parameters: Vec<String> = pairs(came.query().unwrap_or_default())
        .into_iter()
        .filter(|(name, _)| !is_changed(name))
        .map(|(_, raw)| raw)
        .collect();
    parameters.extend(changed.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))));
    let target = format!("{}?{}", came.path(), parameters.join("&"));
    let target = target.trim_end_matches('?').to_owned();
    PathAndQuery::try_from(target.as_str()).ok().map(|_| target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(link: &'static str, came: &'static str, sent: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_static(link));
        rewrite(&mut headers, &Uri::from_static(came), &Uri::from_static(sent));
        headers[LINK].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_next_page_is_where_the_client_came() {
        let link = "</api/v1/users?limit=2&cursor=n%2Fw>; rel=\"next\"";
        assert_eq!(
            rewritten(link, "/api/users?page_size=2", "/api/v1/users?limit=2"),
            "</api/users?page_size=2&cursor=n%2Fw>; rel=\"next\""
        );
        assert_eq!(
            rewritten(link, "/api/users?page_size=2&cursor=old", "/api/v1/users?limit=2&cursor=old"),
            "</api/users?page_size=2&cursor=n%2Fw>; rel=\"next\""
        );
    }

    #[test]
    fn other_links_and_quoted_text_stay() {
        for link in [
            "<https://other.example/x>; rel=\"help\"",
            "</elsewhere?cursor=1>; rel=\"next\"; title=\"see </up>, or \\\" <x>\"",
            "<unclosed",
            "<not a uri>",
        ] {
            assert_eq!(rewritten(link, "/in", "/up"), link);
        }
        assert_eq!(
            rewritten("</up?c=1>; rel=next, <http://a.test/up?c=2>; rel=last", "/in/", "http://a.test/up"),
            "</in/?c=1>; rel=next, </in/?c=2>; rel=last"
        );
        assert_eq!(rewritten("<http://b.test/up?c=2>", "/in", "http://a.test/up"), "<http://b.test/up?c=2>");
    }
}
