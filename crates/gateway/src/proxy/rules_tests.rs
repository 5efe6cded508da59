use http::Request;
use serde_json::json;

use denizen_kit::task::Tasks;

use super::*;
use crate::edge::table::Table;
use crate::proxy::build::Maker;
use crate::proxy::dialects::Dialects;
use crate::proxy::issuers::Issuers;
use crate::proxy::spec::Raw;

fn rules(toml: &str) -> Rules {
    let table: toml::Table = toml.parse().unwrap();
    let list = |key: &str| match table.get("gateway").and_then(|gateway| gateway.get(key)) {
        Some(list) => list.as_array().unwrap().iter().map(|item| item.as_table().unwrap().clone()).collect(),
        None => Vec::new(),
    };
    let raw = Raw { upstreams: list("upstreams"), routes: list("routes"), grants: list("grants") };
    let (tasks, issuers) = (Tasks::new(), Issuers::new());
    let (now, dialects) = (Timestamp::UNIX_EPOCH, Dialects::default());
    let own = ["/api/v1/users", "/api/v1/users/{id}", "/docs", "/docs/", "/docs/{*file}"];
    let own = Table::new(&own.map(|path| (path.to_owned(), vec![Method::GET])));
    let (issuers, dialects) = (&issuers, &dialects);
    let maker = Maker { tasks: &tasks, now, before: None, issuers, dialects, own: &own };
    maker.build(raw, Vec::new())
}

/// A route of this name, path and further conditions.
fn route(name: &str, conditions: &str) -> String {
    format!("[[gateway.routes]]\nname = \"{name}\"\nmatch = {{ {conditions} }}\nupstream = \"denizen\"\n")
}

fn find(rules: &Rules, request: Request<()>, body: Option<&Value>) -> String {
    let (parts, ()) = request.into_parts();
    let odd = crate::edge::path::examine(parts.uri.path()).unwrap();
    let host = parts.uri.host().unwrap_or_default();
    let is_built_in = parts.uri.path().starts_with("/api/");
    let seen = Seen {
        host,
        path: parts.uri.path(),
        odd,
        method: &parts.method,
        headers: &parts.headers,
        query: parts.uri.query(),
        body,
        is_built_in,
        is_preflight: parts.headers.contains_key("access-control-request-method"),
    };
    match rules.find(seen) {
        Match::Rule(rule, _) => rule.spec.name.clone(),
        Match::NeedsBody => "?".to_owned(),
        Match::Nothing(methods) => methods.iter().map(Method::as_str).collect::<Vec<_>>().join(","),
    }
}

fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

fn post(uri: &str) -> Request<()> {
    Request::post(uri).body(()).unwrap()
}

#[test]
fn what_asks_more_comes_first_and_what_does_not_fit_is_passed_over() {
    let rules = rules(
        &[
            route("all", "path = \"/{*rest}\""),
            route("shop", "path = \"/shop/{*rest}\", methods = [\"GET\"]"),
            route("gold", "path = \"/shop/{*rest}\", methods = \"GET\", headers = { x-tier = \"gold\" }"),
            route("new", "path = \"/shop/new\", methods = [\"POST\"]"),
            route("twin", "path = \"/shop/new\", methods = [\"POST\"]"),
            route("paged", "path = \"/shop/{id}\", query = { page = \"*\" }"),
        ]
        .concat(),
    );
    assert_eq!(rules.mistakes, []);
    let gold = Request::get("/shop/x").header("x-tier", "gold").body(()).unwrap();
    assert_eq!(find(&rules, gold, None), "gold");
    assert_eq!(find(&rules, get("/shop/x"), None), "shop");
    assert_eq!(find(&rules, get("/shop/x?page=1"), None), "paged", "the path counts before other conditions");
    assert_eq!(find(&rules, post("/shop/new"), None), "new", "the first of equals");
    assert_eq!(
        find(&rules, get("/shop/new"), None),
        "shop",
        "a path with another method only is passed over"
    );
    assert_eq!(find(&rules, post("/shop/x"), None), "all");
}

#[test]
fn a_body_is_asked_for_only_where_it_decides() {
    let rules = rules(
        &[
            route("order", "path = \"/inbox\", body = { \"/kind\" = \"order\" }"),
            route("rest", "path = \"/inbox\", methods = [\"POST\"]"),
        ]
        .concat(),
    );
    assert_eq!(find(&rules, post("/inbox"), None), "?");
    assert_eq!(find(&rules, post("/inbox"), Some(&json!({"kind": "order"}))), "order");
    assert_eq!(find(&rules, post("/inbox"), Some(&json!({"kind": "other"}))), "rest");
    assert_eq!(find(&rules, get("/inbox"), Some(&Value::Null)), "POST");
    assert_eq!(find(&rules, get("/elsewhere"), None), "");
}

#[test]
fn own_paths_are_shadowed_only_by_those_that_say_so() {
    let plain = rules(&route("all", "path = \"/{*rest}\""));
    assert_eq!(find(&plain, get("/api/v1/users"), None), "");
    assert_eq!(find(&plain, get("/shop"), None), "all");
    let over = rules(&(route("all", "path = \"/{*rest}\"") + "override = true\n"));
    assert_eq!(find(&over, get("/api/v1/users"), None), "all");
}

#[test]
fn a_route_that_could_never_be_reached_is_a_mistake() {
    let mine = |path: &str| route("mine", &format!("path = \"{path}\", methods = [\"DELETE\"]"));
    for path in ["/api/v1/users", "/api/v1/users/{who}", "/api/v1/users/me", "/docs/{*rest}"] {
        let plain = rules(&mine(path));
        assert!(plain.operator.list.is_empty(), "{path}");
        let mistakes: Vec<String> = plain.mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].starts_with(&format!("route mine: match: path: {path}: ")), "{mistakes:?}");
        assert!(mistakes[0].contains("override = true"), "{mistakes:?}");
        let over = rules(&(mine(path) + "override = true\n"));
        assert_eq!(over.mistakes, [], "{path}");
    }
    for path in
        ["/{*rest}", "/api/{*rest}", "/api/v1/users/", "/api/v1/{kind}", "/api/v1/users/{who}/{*rest}"]
    {
        assert_eq!(rules(&mine(path)).mistakes, [], "{path}: some of its paths are no others'");
    }
}

#[test]
fn odd_paths_reach_only_routes_that_take_them() {
    let text = route("all", "path = \"/{*rest}\"")
        + &route("git", "path = \"/git/{*rest}\"").replace("\"denizen\"", "\"denizen\"\n");
    let rules = rules(&text);
    assert_eq!(find(&rules, get("/git/a"), None), "git");
    assert_eq!(find(&rules, get("/git/a%2Fb"), None), "");
}

#[test]
fn a_bad_route_leaves_only_itself_out() {
    let text = route("good", "path = \"/good\"")
        + &route("bad", "path = \"bad\"")
        + &route("good", "path = \"/again\"")
        + &route("probe", "path = \"/health/x\"")
        + "[[gateway.routes]]\nmatch = { path = \"/x\" }\nupstream = \"shop\"\nretires = 1\n"
        + "[[gateway.routes]]\nname = \"lost\"\nmatch = { path = \"/lost\" }\nupstream = \"nowhere\"\n";
    let rules = rules(&text);
    assert_eq!(rules.operator.list.len(), 1);
    let mistakes: Vec<String> = rules.mistakes.iter().map(ToString::to_string).collect();
    let has = |text: &str| mistakes.iter().any(|mistake| mistake.contains(text));
    assert!(has("route bad: match: path: \"bad\": a path begins with /"), "{mistakes:#?}");
    assert!(has("route good: name: another route has this name"));
    assert!(has("route probe: match: path: /health/x: /health"));
    assert!(
        has("route #5: name: each needs a name of its own") && has("route #5: retires: there is no such key")
    );
    assert!(has("route lost: upstream: there is no upstream \"nowhere\""));
    assert_eq!(mistakes.len(), 6, "{mistakes:#?}");
}

#[test]
fn what_would_do_nothing_where_a_route_leads_is_a_mistake() {
    let told = |text: &str| {
        let mistakes = rules(text).mistakes;
        mistakes.iter().map(|mistake| mistake.key.clone()).collect::<Vec<_>>()
    };
    let idle = "timeout = \"5s\"\ntry_timeout = \"1s\"\nretries = 2\nkeep_authorization = true\n";
    let own = route("own", "path = \"/own\"") + idle;
    assert_eq!(told(&own), ["timeout", "try_timeout", "retries", "keep_authorization"]);
    let all = |more: &str| {
        "[[gateway.routes]]\nname = \"all\"\nmatch = { path = \"/all\" }\n\
         aggregate = [{ name = \"me\", upstream = \"denizen\", path = \"/api/v1/users/me\" }]\n"
            .to_owned()
            + more
    };
    let head = "request = { headers = { remove = [\"cookie\"] }, query = { default = { page = \"1\" } } }";
    assert_eq!(told(&all(head)), Vec::<String>::new());
    assert_eq!(
        told(&all("method = \"POST\"\nrewrite = \"/x\"\nstrip_prefix = \"/all\"")),
        ["method", "rewrite", "strip_prefix", "strip_prefix"],
        "and the last two do not go together anywhere"
    );
    for (step, key) in [
        ("method = \"POST\"", "request.method"),
        ("path = \"/x\"", "request.path"),
        ("body = { remove = [\"a\"] }", "request.body"),
        ("headers = { set = { x-a = \"{/a}\" } }", "request.body"),
    ] {
        assert_eq!(told(&all(&format!("request = {{ {step} }}"))), [key], "{step}");
    }
}

#[test]
fn a_version_is_found_by_its_header() {
    let rules = rules(
        &(route("one", "path = \"/v\"")
            + "version = { name = \"1\", default = true }\n"
            + &route("two", "path = \"/v\"")
            + "version = \"2\"\n"),
    );
    assert_eq!(rules.mistakes, []);
    let ask = |version: &str| Request::get("/v").header("api-version", version).body(()).unwrap();
    assert_eq!(find(&rules, get("/v"), None), "one");
    assert_eq!(find(&rules, ask("1"), None), "one");
    assert_eq!(find(&rules, ask("2"), None), "two");
    assert_eq!(find(&rules, ask("3"), None), "", "a version that there is not is no other");
}

#[test]
fn a_preflight_needs_nothing_of_the_request_to_come() {
    let rules =
        rules(&route("kind", "path = \"/x\", headers = { x-kind = \"a\" }, body = { \"/kind\" = \"b\" }"));
    assert_eq!(find(&rules, post("/x"), None), "");
    let mut preflight = post("/x");
    preflight.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
    assert_eq!(find(&rules, preflight, None), "kind");
}

#[test]
fn several_paths_are_one_route() {
    let both = "[[gateway.routes]]\nname = \"both\"\nmatch = { path = [\"/a/{id}\", \"/b/{id}/{more}\"] }\n\
                upstream = \"denizen\"\nrewrite = \"/api/v1/users/{id}\"\n";
    let found = rules(&(both.to_owned() + &route("other", "path = \"/a/c\"")));
    assert_eq!(found.mistakes, []);
    let names: Vec<&str> = found.operator.list.iter().map(|rule| rule.spec.name.as_str()).collect();
    assert_eq!(names, ["both", "other"]);
    for (path, name) in [("/a/7", "both"), ("/b/7/x", "both"), ("/a/c", "other"), ("/b/7", "")] {
        assert_eq!(find(&found, get(path), None), name, "{path}");
    }
    for (from, to, mistake) in [
        ("/b/{id}/{more}", "/b/{other}", "route both: rewrite: \"/api/v1/users/{id}\": \"id\" is not"),
        ("/b/{id}/{more}", "/health/x", "route both: match: path: /health/x: /health"),
        ("\"/a/{id}\", \"/b/{id}/{more}\"", "", "route both: match: path: the list is empty"),
    ] {
        let bad = rules(&both.replace(from, to));
        assert!(bad.operator.list.is_empty(), "one mistake leaves the whole route out");
        let told = bad.mistakes.iter().any(|found| found.to_string().starts_with(mistake));
        assert!(told, "{mistake}: {:?}", bad.mistakes);
    }
}
