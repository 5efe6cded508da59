//! Hosts of routes: one name, or all names below one.

/// A host as a route names it: `shop.example`, or `*.shop.example` for the names below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HostPattern {
    Exactly(String),
    /// What the names end with, with the dot before it.
    Below(String),
}

// === impl HostPattern ===

impl HostPattern {
    /// Reads a host; ports are no part of it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?}: write a host such as shop.example or *.shop.example, without a port");
        let lower = text.to_ascii_lowercase();
        let (name, is_below) = lower.strip_prefix("*.").map_or((lower.as_str(), false), |name| (name, true));
        let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_address = inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        let is_label = |label: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !label.is_empty() && label.len() <= 63 && label.bytes().all(is_plain)
        };
        if !is_address && (name.len() > 253 || !name.split('.').all(is_label)) {
            return Err(wrong());
        }
        Ok(if is_below { Self::Below(format!(".{name}")) } else { Self::Exactly(name.to_owned()) })
    }
}

/// The host that a request names, in small letters, without port and final dot.
pub(crate) fn canonical(authority: &str) -> String {
    let host = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    };
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_all_below_one() {
        assert_eq!(HostPattern::parse("Shop.example"), Ok(HostPattern::Exactly("shop.example".to_owned())));
        assert_eq!(HostPattern::parse("*.shop.example"), Ok(HostPattern::Below(".shop.example".to_owned())));
        assert_eq!(HostPattern::parse("[::1]"), Ok(HostPattern::Exactly("[::1]".to_owned())));
        for bad in ["", "*", "a..b", "shop.example:80", "a b", "*.*.b", "a/b", "[x]"] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ports_dots_and_capitals_do_not_count() {
        for (authority, host) in [
            ("Shop.Example:8080", "shop.example"),
            ("shop.example.", "shop.example"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(canonical(authority), host);
        }
    }
}
