//! Transformations as an operator writes them, applied to whole messages.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use serde::Deserialize;

use super::*;

mod answers;
mod mistakes;
mod properties;
mod requests;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    #[serde(default)]
    request: RequestSpec,
    #[serde(default)]
    response: ResponseSpec,
}

fn captured() -> Vec<String> {
    vec!["id".to_owned(), "rest".to_owned()]
}

fn request(route: &str) -> Result<RequestTransform, String> {
    let route: Route = toml::from_str(route).map_err(|error| error.to_string())?;
    RequestTransform::compile(&route.request, &captured()).map_err(|mistake| mistake.to_string())
}

fn response(route: &str) -> Result<ResponseTransform, String> {
    let route: Route = toml::from_str(route).map_err(|error| error.to_string())?;
    ResponseTransform::compile(&route.response, &captured()).map_err(|mistake| mistake.to_string())
}

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn params() -> Params {
    [("id", "a%20b"), ("rest", "x/y")].into_iter().collect()
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// The body after the transformation of a JSON body.
fn body_of(route: &str, body: &str) -> String {
    let mut parts = parts("POST", "/in?q=1&page=7", &[JSON, ("x-tier", "gold")]);
    let bytes = request(route).unwrap().apply(&mut parts, &params(), Bytes::from(body.to_owned())).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn incoming() -> Incoming {
    Incoming {
        method: Method::GET,
        uri: Uri::from_static("/api/users/?page=2"),
        sent: Uri::from_static("/api/v1/users?limit=2"),
        params: params(),
    }
}

fn answered(
    route: &str,
    status: u16,
    headers: &[(&str, &str)],
    body: &str,
) -> (StatusCode, HeaderMap, String) {
    let mut status = StatusCode::from_u16(status).unwrap();
    let mut headers = parts("GET", "/", headers).headers;
    let transform = response(route).unwrap();
    let body = transform.apply(&incoming(), &mut status, &mut headers, Some(Bytes::from(body.to_owned())));
    (status, headers, String::from_utf8(body.unwrap().to_vec()).unwrap())
}
