//! The query of a request as a type. All its values are texts; what they stand for is read here.

use axum::extract::FromRequestParts;
use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;
use denizen_rpc::decode;
use http::Uri;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::failure::Failure;

/// The query of a request, and the whole target for links to the next page.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T, pub(crate) Uri);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        let unreadable =
            |_| Problem::malformed("the query cannot be read; give each parameter once, percent-encoded");
        Ok(Self(query.map_err(unreadable)?.0, parts.uri.clone()))
    }
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many items, 1 to 200; 50 when it is not given.
    #[param(value_type = Option<i32>, minimum = 1, maximum = 200)]
    pub(crate) limit: Option<String>,
    /// Where the page starts: `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// How many items a page has; 0 for the default.
pub(crate) fn limit(text: Option<String>) -> Result<i32, Problem> {
    let Some(text) = text else { return Ok(0) };
    let number = text.parse::<i32>().map_err(|_| {
        Problem::malformed("limit is a number").with_field(
            "/limit",
            "invalid_type",
            "limit is a number from 1 to 200",
        )
    })?;
    if (1..=decode::MAX_LIMIT).contains(&number) {
        return Ok(number);
    }
    Err(Problem::invalid("/limit", "out_of_range", "limit is a number from 1 to 200"))
}

/// A time of RFC 3339.
pub(crate) fn time(pointer: &str, text: Option<String>) -> Result<Option<prost_types::Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let at: Timestamp = text.parse().map_err(|_| {
        Problem::invalid(
            pointer,
            "invalid_format",
            "write the time as RFC 3339 says, such as 2026-01-31T12:00:00Z",
        )
    })?;
    Ok(Some(decode::to_wire(at)))
}

/// `true` or `false`.
pub(crate) fn flag(pointer: &str, text: Option<&str>) -> Result<bool, Problem> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::malformed("a parameter has the wrong type").with_field(
            pointer,
            "invalid_type",
            "write true or false",
        )),
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::problem::Code;

    use super::*;

    #[test]
    fn limits() {
        let read = |text: &str| limit(Some(text.to_owned())).map_err(|problem| problem.code);
        assert_eq!(limit(None).unwrap(), 0);
        assert_eq!(read("200"), Ok(200));
        for out in ["0", "-1", "201"] {
            assert_eq!(read(out), Err(Code::ValidationFailed), "{out}");
        }
        for bad in ["", "x", "1.5", "99999999999"] {
            assert_eq!(read(bad), Err(Code::MalformedRequest), "{bad}");
        }
    }

    #[test]
    fn times() {
        let at = time("/t", Some("2026-01-31T12:00:00+01:00".to_owned())).unwrap().unwrap();
        assert_eq!(at.seconds, 1_769_857_200);
        assert!(time("/t", Some("yesterday".to_owned())).is_err());
    }
}
