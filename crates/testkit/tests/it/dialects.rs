//! Clients of other user services, as their documentation has them call: each call of each dialect against a running
//! system.

mod crud;
mod django;
mod notices;
mod shop;
mod six;

use denizen_testkit::{Answer, Client};
use reqwest::Method;
use serde_json::Value;

/// Content types that clients send with JSON in the body.
const CONTENT_TYPES: [&str; 4] = [
    "application/json",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
];

/// Sends `POST /login` and the like from the root, with a body under this content type, if there is one.
async fn call(client: &Client, what: &str, content_type: &str, body: Value) -> Answer {
    let (method, path) = what.split_once(' ').unwrap();
    let (method, path) = (method.parse::<Method>().unwrap(), format!("/{path}"));
    if body.is_null() {
        return client.send(method, &path, None, &[]).await;
    }
    client.upload(method, &path, content_type, body.to_string()).await
}

/// The same as JSON that says so.
async fn json(client: &Client, what: &str, body: Value) -> Answer {
    call(client, what, "application/json", body).await
}

/// The same without a body.
async fn ask(client: &Client, what: &str) -> Answer {
    json(client, what, Value::Null).await
}
