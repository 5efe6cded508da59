//! The REST face: all routes from one list, and the document that describes them.

use std::sync::Arc;

use http::Method;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Info, License, OpenApi, OpenApiBuilder, Ref, RefOr, Response, ResponseBuilder, Tag,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use super::failure::{ProblemBody, ProblemField};
use crate::edge::table::{is_for_all, is_public};
use crate::resources::{
    administration, audit, auth, factors, gateway, ip_blocks, notifications, otp, password, privacy,
    service_accounts, sessions, stats, transfer, users,
};
use crate::state::App;

/// Name of the security scheme in the document.
const BEARER: &str = "bearer";

/// The tags of the document, in its order.
const TAGS: [(&str, &str); 8] = [
    ("users", "Accounts"),
    ("auth", "Logging in, tokens"),
    ("sessions", "Login sessions"),
    ("password", "Passwords"),
    ("otp", "One-time passwords"),
    ("notifications", "Messages to people, and how they fared"),
    ("privacy", "What people may ask of those who keep their data"),
    ("admin", "For administrators and support"),
];

/// All routes of the API, and their document.
pub(crate) fn api() -> (axum::Router<Arc<App>>, OpenApi) {
    let (router, mut document) = OpenApiRouter::with_openapi(head())
        .merge(users::rest::routes())
        .merge(administration::rest::routes())
        .merge(auth::rest::routes())
        .merge(factors::rest::routes())
        .merge(sessions::rest::routes())
        .merge(service_accounts::rest::routes())
        .merge(password::rest::routes())
        .merge(privacy::rest::routes())
        .merge(ip_blocks::rest::routes())
        .merge(notifications::rest::routes())
        .merge(otp::rest::routes())
        .merge(audit::rest::routes())
        .merge(stats::rest::routes())
        .merge(transfer::rest::routes())
        .merge(gateway::rest::routes())
        .split_for_parts();
    complete(&mut document);
    (router, document)
}

/// The paths of a document with their methods.
pub(crate) fn paths(document: &OpenApi) -> Vec<(String, Vec<Method>)> {
    let methods = |item: &PathItem| {
        let given = [
            (Method::GET, item.get.is_some()),
            (Method::PUT, item.put.is_some()),
            (Method::POST, item.post.is_some()),
            (Method::PATCH, item.patch.is_some()),
            (Method::DELETE, item.delete.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(method, _)| method).collect()
    };
    document.paths.paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

fn head() -> OpenApi {
    let mut info = Info::new("Denizen", env!("CARGO_PKG_VERSION"));
    info.description =
        Some("Accounts of people: who they are, how they prove it, what they may do.".to_owned());
    info.license = Some(License::new("Apache-2.0 OR MIT"));
    let tags = TAGS.map(|(name, description)| {
        let mut tag = Tag::new(name);
        tag.description = Some(description.to_owned());
        tag
    });
    OpenApiBuilder::new().info(info).tags(Some(tags)).build()
}

/// Adds what is the same for every operation: the security, the failures, the headers of writes.
fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.schemas.insert("Problem".to_owned(), ProblemBody::schema());
    components.schemas.insert(ProblemField::name().into_owned(), ProblemField::schema());
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::PATCH, &mut item.patch),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                complete_operation(operation, &method, path);
            }
        }
    }
}

fn complete_operation(operation: &mut Operation, method: &Method, path: &str) {
    operation.security = Some(security(method, path));
    operation.responses.responses.insert("default".to_owned(), RefOr::T(failure()));
    if !method.is_safe() {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(255));
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some("The write takes effect once under this key"))
            .schema(Some(text))
            .build();
        operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
    }
}

/// No token is looked at, one may be sent, or one must be.
fn security(method: &Method, path: &str) -> Vec<SecurityRequirement> {
    let bearer = SecurityRequirement::new(BEARER, Vec::<String>::new());
    if is_public(method, path) {
        return Vec::new();
    }
    if is_for_all(path) { vec![SecurityRequirement::default(), bearer] } else { vec![bearer] }
}

fn failure() -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new()
        .description("A failure (RFC 9457); see `code`")
        .content("application/problem+json", content)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_operation_with_its_security_and_failures() {
        let document = serde_json::to_value(api().1).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["paths"]["/api/v1/auth/login"]["post"]["security"], serde_json::json!([]));
        let get = &document["paths"]["/api/v1/users/{id}"]["get"];
        assert_eq!(get["security"], serde_json::json!([{"bearer": []}]));
        let failure = &get["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(failure, "#/components/schemas/Problem");
        let required = &document["components"]["schemas"]["RegisterForm"]["required"];
        assert_eq!(required, &serde_json::json!(["name", "email", "password"]));
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let document = serde_json::to_value(api().1).unwrap();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn operation_ids_are_unique() {
        let (_, document) = api();
        let mut ids = Vec::new();
        for item in document.paths.paths.values() {
            let operations = [&item.get, &item.put, &item.post, &item.patch, &item.delete];
            ids.extend(
                operations.into_iter().flatten().filter_map(|operation| operation.operation_id.clone()),
            );
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(count >= 30, "{count}");
    }
}
