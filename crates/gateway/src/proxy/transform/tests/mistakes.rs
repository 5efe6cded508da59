//! What is said of a mistake.

use super::*;

#[test]
fn a_mistake_names_the_key_and_what_to_write() {
    let said = |route: &str| request(route).err().or_else(|| response(route).err()).unwrap();
    for (route, wanted) in [
        (r#"request = { path = "users" }"#, "request.path: `users` is no path; start it with a slash"),
        (r#"request = { path = "/u?x={path.id}" }"#, "write parameters under `query`"),
        (
            r#"request = { path = "/u/{path.idd}" }"#,
            "`path.idd` names nothing; the route's path captures id, rest",
        ),
        (r#"request = { path = "/u/{id}" }"#, "`{id}` is no reference here; write /member, body"),
        (r#"request = { path = "/u/{path.id" }"#, "has a lone brace; write {{ or }}"),
        (r#"request = { method = "get" }"#, "request.method: `get` is no method"),
        (
            r#"request = [{}, { when = { status = ["2xx"] } }]"#,
            "request[1].when.status: only an answer has a status",
        ),
        (
            r#"request = { headers = { set = { "content-length" = "1" } } }"#,
            "request.headers.set: `content-length` belongs to the connection",
        ),
        (r#"request = { headers = { add = { "X-Denizen-User" = "1" } } }"#, "vouches for the caller"),
        (
            r#"request = { headers = { remove = ["a b"] } }"#,
            "request.headers.remove: `a b` is no name of a header",
        ),
        (r#"request = { body = { rename = { "/a~" = "b" } } }"#, "request.body.rename: `a~` has a bare `~`"),
        (
            r#"request = { body = { add = { "/a" = { b = ["{nope}"] } } } }"#,
            "request.body.add./a.b[0]: `{nope}` is no reference",
        ),
        (
            r#"request = { body = { each = { "/a" = { remove = [""] } } } }"#,
            "request.body.each./a.remove: the whole body cannot",
        ),
        (r#"request = { body = { case_except = ["/a"] } }"#, "write case = \"snake\" too"),
        (
            r#"request = { body = { case = "kebab" } }"#,
            "unknown variant `kebab`, expected `snake` or `camel`",
        ),
        ("request = { bodi = {} }", "unknown field `bodi`, expected one of"),
        ("response = { status = 99 }", "response.status: 99 is no status of an answer"),
        (r#"response = { status = { "2x" = 200 } }"#, "`2x` is no status; write one such as"),
        (
            r#"response = { when = { has = ["bearer"] } }"#,
            "response.when.has: `{bearer}` is no reference here",
        ),
    ] {
        let said = said(route);
        assert!(said.contains(wanted), "{route}: {said}");
    }
}
