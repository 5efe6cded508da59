//! A body that may also be a form, as clients of OAuth send it (RFC 6749 appendix B). One that is left out is one
//! whose fields are all missing.

use axum::extract::{FromRequest, Request};
use denizen_kit::problem::Problem;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::body::OptionalJson;
use super::failure::Failure;

/// A body in JSON or as a form.
#[derive(Debug)]
pub(crate) struct JsonOrForm<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Sync> FromRequest<S> for JsonOrForm<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if !is_form(request.headers()) {
            return OptionalJson::from_request(request, state).await.map(|OptionalJson(body)| Self(body));
        }
        let unread = |_| Problem::malformed("the body of the request broke off");
        let bytes = request.into_body().collect().await.map_err(unread)?.to_bytes();
        Ok(Self(read(&bytes)?))
    }
}

/// Whether the body says that it is a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Reads a form whose fields are texts, each given once.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        if fields.insert(name.into_owned(), Value::from(value.into_owned())).is_some() {
            return Err(Problem::malformed("a field appears twice in the form"));
        }
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|_| Problem::malformed("a field of the form has the wrong type"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Fields {
        token: Option<String>,
        count: Option<u32>,
    }

    #[test]
    fn fields_are_texts_and_come_once() {
        let fields: Fields = read(b"token=a%2Bb+c&token_type_hint=access_token").unwrap();
        assert_eq!((fields.token.as_deref(), fields.count), (Some("a+b c"), None));
        assert!(read::<Fields>(b"token=a&token=b").is_err());
        assert!(read::<Fields>(b"count=7").is_err(), "a text is no number");
    }

    #[test]
    fn a_form_says_so() {
        let says = |media_type| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            is_form(&headers)
        };
        assert!(says("application/x-www-form-urlencoded"));
        assert!(says("Application/X-WWW-Form-Urlencoded; charset=UTF-8"));
        assert!(!says("application/json") && !says("text/plain"));
    }
}
