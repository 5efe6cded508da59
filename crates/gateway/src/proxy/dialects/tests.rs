//! The documented calls of each dialect, through the rules that are made of its file.

use bytes::Bytes;
use denizen_kit::task::Tasks;
use denizen_kit::time::Timestamp;
use http::request::Parts;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::edge::path::examine;
use crate::edge::table::{Found, Table as Paths};
use crate::faces::rest;
use crate::proxy::build::Maker;
use crate::proxy::issuers::Issuers;
use crate::proxy::rule::Rule;
use crate::proxy::rules::{Match, Rules, Seen};
use crate::proxy::spec::Raw;
use crate::proxy::transform::{Incoming, Params};

/// Pages outside the API.
const PAGES: [&str; 7] = ["/", "/info", "/health", "/health/database", "/docs", "/docs/", "/docs/index.css"];

/// All dialects, and the paths of this system's own API.
struct Door {
    rules: Rules,
    own: Paths,
}

/// What a request became.
#[derive(Debug)]
struct Sent {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Value,
}

impl Door {
    fn new() -> Self {
        let dialects = Dialects { names: names().map(str::to_owned).collect(), open_list: false };
        let (tasks, issuers, now) = (Tasks::new(), Issuers::new(), Timestamp::UNIX_EPOCH);
        let own = Paths::new(&rest::paths(&rest::api().1));
        let (issuers, dialects) = (&issuers, &dialects);
        let maker = Maker { tasks: &tasks, now, before: None, issuers, dialects, own: &own };
        let rules = maker.build(Raw::default(), Vec::new());
        assert_eq!(rules.mistakes, []);
        Self { rules, own }
    }

    /// The route of a request and what its path captured, looked for with and without the slash at its end.
    fn find(&self, parts: &Parts) -> Option<(std::sync::Arc<Rule>, Params)> {
        let sent = parts.uri.path();
        [Some(sent), sent.strip_suffix('/')].into_iter().flatten().find_map(|path| {
            let seen = Seen {
                host: "id.example",
                path,
                odd: examine(path).unwrap(),
                method: &parts.method,
                headers: &parts.headers,
                query: parts.uri.query(),
                body: None,
                is_built_in: self.own.route(path).is_some(),
                is_preflight: false,
            };
            let Match::Rule(rule, captures) = self.rules.find(seen) else { return None };
            Some((rule, captures.pairs().collect()))
        })
    }

    fn send(&self, call: &str, headers: &[(&str, &str)], body: &str) -> Sent {
        let (method, target) = call.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let (rule, params) = self.find(&parts).unwrap_or_else(|| panic!("{call} leads nowhere"));
        let changes = rule.spec.request.as_ref().unwrap();
        let body = changes.apply(&mut parts, &params, Bytes::from(body.to_owned())).unwrap();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Sent { method: parts.method, target: parts.uri.to_string(), headers: parts.headers, body }
    }

    fn answer(&self, call: &str, status: u16, body: &Value) -> (u16, HeaderMap, Value) {
        let (method, target) = call.split_once(' ').unwrap();
        let (parts, ()) = Request::builder().method(method).uri(target).body(()).unwrap().into_parts();
        let (rule, params) = self.find(&parts).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        let mut status = StatusCode::from_u16(status).unwrap();
        let bytes = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let Some(changes) = &rule.spec.response else {
            return (status.as_u16(), headers, body.clone());
        };
        let sent = "/api/v1/users".parse().unwrap();
        let incoming = Incoming { method: parts.method, uri: parts.uri, sent, params };
        let bytes = changes.apply(&incoming, &mut status, &mut headers, Some(bytes)).unwrap();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        (status.as_u16(), headers, body)
    }
}

/// The body that a JSON body becomes.
fn body_of(call: &str, body: &Value) -> Value {
    Door::new().send(call, &[("content-type", "application/json")], &body.to_string()).body
}

const SIX: &[(&str, &str)] = &[
    ("POST register", "POST /api/v1/users"),
    ("POST updateProfile", "PATCH /api/v1/users/me"),
    ("PUT updateProfile", "PATCH /api/v1/users/me"),
    ("GET getUserInfo", "GET /api/v1/users/me"),
    ("POST getUserInfo", "GET /api/v1/users/me"),
    ("GET getUserInfo?userId=7", "GET /api/v1/users/7"),
    ("POST login", "POST /api/v1/auth/login"),
    ("POST refreshToken", "POST /api/v1/auth/refresh"),
    ("POST validateToken?token=t", "POST /api/v1/auth/validate"),
    ("GET validateToken?token=t", "POST /api/v1/auth/validate"),
    ("POST logout", "POST /api/v1/auth/logout"),
    ("POST forgotPassword", "POST /api/v1/password/forgot"),
    ("POST resetPassword", "POST /api/v1/password/reset"),
    ("POST generateOtp", "POST /api/v1/otp"),
    ("POST validateOtp", "POST /api/v1/auth/login/otp"),
    ("POST sendEmail", "POST /api/v1/notifications/email"),
    ("POST sendSMS", "POST /api/v1/notifications/sms"),
];
const CRUD: &[(&str, &str)] =
    &[("POST register", "POST /api/v1/users"), ("POST login", "POST /api/v1/auth/login")];
const USERS: &[(&str, &str)] = &[
    ("GET ", "GET /api/v1/users?limit=200"),
    ("GET /ID", "GET /api/v1/users/ID"),
    ("PUT /ID", "PUT /api/v1/users/ID"),
    ("DELETE /ID", "DELETE /api/v1/users/ID"),
];
const DJANGO: &[(&str, &str)] = &[
    ("POST users/", "POST /api/v1/users"),
    ("POST users/login/", "POST /api/v1/auth/login"),
    ("GET users/ID/", "GET /api/v1/users/ID"),
    ("POST email/status/", "POST /api/v1/email/status"),
    ("POST push/status/", "POST /api/v1/push/status"),
];
const SHOP: &[(&str, &str)] = &[
    ("POST auth/register", "POST /api/v1/users"),
    ("POST auth/login", "POST /api/v1/auth/login"),
    ("POST auth/logout", "POST /api/v1/auth/logout"),
    ("GET auth/me", "GET /api/v1/auth/me"),
    ("POST auth/forgot-password", "POST /api/v1/password/forgot"),
    ("POST auth/reset-password", "POST /api/v1/password/reset"),
    ("POST auth/verify-email", "POST /api/v1/email/verify/confirm"),
    ("GET users/ID", "GET /api/v1/users/ID"),
    ("PUT users/ID", "PUT /api/v1/users/ID"),
    ("GET admin/users", "GET /api/v1/users"),
    ("POST admin/users/ID/block", "POST /api/v1/admin/users/ID/block"),
    ("POST admin/users/ID/unblock", "POST /api/v1/admin/users/ID/unblock"),
    ("POST admin/users/ID/suspend", "POST /api/v1/admin/users/ID/suspend"),
    ("PUT admin/users/ID/role", "PUT /api/v1/admin/users/ID/roles"),
    ("GET admin/users/ID/sessions", "GET /api/v1/admin/users/ID/sessions"),
    ("DELETE admin/users/ID/sessions", "DELETE /api/v1/admin/users/ID/sessions"),
    ("GET admin/stats", "GET /api/v1/admin/stats"),
    ("POST admin/create-user", "POST /api/v1/admin/users"),
];
const BELOW: &[(&str, &str)] = &[
    ("GET /user", "GET /"),
    ("GET /user/", "GET /"),
    ("GET /user/info", "GET /info"),
    ("GET /user/health", "GET /health"),
    ("GET /user/health/database", "GET /health/database"),
    ("GET /user/docs", "GET /docs"),
    ("GET /user/docs/", "GET /docs/"),
    ("GET /user/docs/index.css", "GET /docs/index.css"),
];

#[test]
fn every_call_leads_to_its_operation() {
    let door = Door::new();
    let id = "0190a0b0-0000-7000-8000-000000000001";
    let at = |prefix: &str, calls: &[(&str, &str)]| -> Vec<(String, String)> {
        let call = |(call, operation): &(&str, &str)| {
            let (method, path) = call.split_once(' ').unwrap();
            (format!("{method} {prefix}{path}").replace("ID", id), operation.replace("ID", id))
        };
        calls.iter().map(call).collect()
    };
    let slashed = |calls: Vec<(String, String)>| {
        calls
            .into_iter()
            .flat_map(|(call, operation)| {
                let with = call
                    .split_once('?')
                    .map_or_else(|| format!("{call}/"), |(path, query)| format!("{path}/?{query}"));
                [(call, operation.clone()), (with, operation)]
            })
            .collect::<Vec<_>>()
    };
    let mut calls = slashed(
        [
            at("/", SIX),
            at("/api/", SIX),
            at("/api/auth/", CRUD),
            at("/api/users", USERS),
            at("/", SHOP),
            at("/user/", SHOP),
        ]
        .concat(),
    );
    calls.extend(at("/api/v1/", DJANGO));
    calls.extend(at("", BELOW));
    for (call, operation) in calls {
        let sent = door.send(&call, &[], "");
        assert_eq!(format!("{} {}", sent.method, sent.target), operation, "{call}");
        let path = sent.target.split('?').next().unwrap();
        let is_there = matches!(door.own.find(path, &sent.method), Found::Endpoint(..));
        assert!(is_there || PAGES.contains(&path), "{call} leads to {operation}, which is no operation");
    }
}

#[test]
fn canonical_calls_are_no_calls_of_a_dialect() {
    let door = Door::new();
    for call in [
        "POST /api/v1/users",
        "GET /api/v1/users",
        "GET /api/v1/users/",
        "GET /api/v1/users/me",
        "PATCH /api/v1/users/me/",
        "POST /api/v1/auth/login/",
        "GET /user/nothing/here",
        "GET /health/",
    ] {
        let (method, target) = call.split_once(' ').unwrap();
        let (parts, ()) = Request::builder().method(method).uri(target).body(()).unwrap().into_parts();
        assert!(door.find(&parts).is_none(), "{call}");
    }
}

#[test]
fn both_spellings_and_any_content_type_are_one_request() {
    let door = Door::new();
    let wanted = json!({"name": "Ada", "email": "ada@x.test", "username": "ada", "mobile": "1", "password": "p", "push_token": "t", "metadata": {"aB": 1}});
    let camel = r#"{"name":"Ada","email":"ada@x.test","userName":"ada","phoneNumber":"1","password":"p","pushToken":"t","metadata":{"aB":1}}"#;
    let snake = r#"{"name":"Ada","email":"ada@x.test","username":"ada","mobile":"1","password":"p","push_token":"t","metadata":{"aB":1}}"#;
    for content_type in [
        "application/json",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ] {
        for body in [camel, snake] {
            let sent = door.send("POST /register", &[("content-type", content_type)], body);
            assert_eq!(
                (sent.headers["content-type"].to_str().unwrap(), &sent.body),
                ("application/json", &wanted)
            );
        }
    }
    let form = door.send(
        "POST /login",
        &[("content-type", "application/x-www-form-urlencoded")],
        "userName=ada&password=a+b%26",
    );
    assert_eq!(form.body, json!({"username": "ada", "password": "a b&"}));
}

#[test]
fn a_name_that_is_no_dialect_is_told() {
    assert_eq!(listed("rest-crud, shop-users").unwrap(), ["rest-crud", "shop-users"]);
    assert_eq!(listed(" ").unwrap(), Vec::<String>::new());
    assert_eq!(
        listed("soap").unwrap_err(),
        "there is no dialect \"soap\"; there are six-services, rest-crud, django-users, shop-users"
    );
}

#[path = "meaning_tests.rs"]
mod meaning;
