//! What a route asks of a request beside its host and path.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method};
use serde_json::Value;

/// What a header or a parameter must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// There, whatever it says.
    Any,
    /// This.
    Exactly(String),
}

/// What a route asks of a request. Where nothing is named, anything will do.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Conditions {
    pub(crate) methods: Vec<Method>,
    pub(crate) headers: Vec<(HeaderName, Want)>,
    pub(crate) query: Vec<(String, Want)>,
    /// Media types in small letters, such as `application/json` or `image/*`.
    pub(crate) content_types: Vec<String>,
    /// JSON pointers and the scalars that must stand there.
    pub(crate) body: Vec<(String, Value)>,
}

// === impl Want ===

impl Want {
    /// Reads what is wanted: `*` is anything.
    pub(crate) fn parse(text: &str) -> Self {
        if text == "*" { Self::Any } else { Self::Exactly(text.to_owned()) }
    }

    fn is(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => wanted == value,
        }
    }
}

// === impl Conditions ===

impl Conditions {
    /// How much is asked: of two routes at the same path the one that asks more is looked at first.
    pub(crate) fn weight(&self) -> (usize, usize, usize, usize, usize) {
        let named = |is_empty: bool| usize::from(!is_empty);
        (
            self.body.len(),
            named(self.methods.is_empty()),
            self.headers.len(),
            self.query.len(),
            named(self.content_types.is_empty()),
        )
    }

    /// Whether the method will do; HEAD is GET without the body.
    pub(crate) fn takes_method(&self, method: &Method) -> bool {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.methods.is_empty() || self.methods.contains(method)
    }

    /// Whether all else will do but the body.
    pub(crate) fn take_head(&self, headers: &HeaderMap, query: Option<&str>) -> bool {
        let by_header = |(name, want): &(HeaderName, Want)| {
            headers.get_all(name).iter().any(|value| value.to_str().is_ok_and(|value| want.is(value)))
        };
        self.headers.iter().all(by_header) && self.take_query(query) && self.take_type(headers)
    }

    /// Whether the query will do.
    pub(crate) fn take_query(&self, query: Option<&str>) -> bool {
        self.query.iter().all(|(name, want)| {
            let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
            pairs.any(|(known, value)| known == *name && want.is(&value))
        })
    }

    fn take_type(&self, headers: &HeaderMap) -> bool {
        if self.content_types.is_empty() {
            return true;
        }
        let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        self.content_types.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(family) => essence.starts_with(family),
            None => *wanted == essence,
        })
    }

    /// Whether the body will do.
    pub(crate) fn take_body(&self, body: &Value) -> bool {
        self.body.iter().all(|(pointer, wanted)| body.pointer(pointer) == Some(wanted))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::json;

    use super::*;

    fn takes(conditions: &Conditions, query: &str, headers: &[(&str, &str)]) -> bool {
        let request =
            headers.iter().fold(Request::get("/"), |request, (name, value)| request.header(*name, *value));
        conditions.take_head(request.body(()).unwrap().headers(), Some(query))
    }

    #[test]
    fn heads_are_compared() {
        let conditions = Conditions {
            headers: vec![(HeaderName::from_static("x-tier"), Want::parse("gold"))],
            query: vec![("page".to_owned(), Want::Any)],
            content_types: vec!["image/*".to_owned(), "application/json".to_owned()],
            ..Conditions::default()
        };
        let good =
            [("x-tier", "silver"), ("x-tier", "gold"), ("content-type", "Application/JSON; charset=utf-8")];
        assert!(takes(&conditions, "page=2", &good));
        assert!(!takes(&conditions, "pages=2", &good));
        assert!(!takes(&conditions, "page=2", &good[..1]));
        assert!(takes(&conditions, "page", &[("x-tier", "gold"), ("content-type", "image/png")]));
        assert!(!takes(&conditions, "page", &[("x-tier", "gold"), ("content-type", "text/html")]));
    }

    #[test]
    fn bodies_and_methods_are_compared() {
        let body = vec![("/kind".to_owned(), json!("order")), ("/lines/0/count".to_owned(), json!(2))];
        let conditions = Conditions { methods: vec![Method::GET], body, ..Conditions::default() };
        assert!(conditions.take_body(&json!({"kind": "order", "lines": [{"count": 2}]})));
        assert!(!conditions.take_body(&json!({"kind": "order"})));
        assert!(conditions.takes_method(&Method::HEAD) && !conditions.takes_method(&Method::POST));
    }
}
