//! Which operations this process exposes, at every face: all, or those of `gateway.operations`. What is not exposed is
//! not there: 404, and no word of it in the document.

use denizen_rpc::METHODS;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};

/// Operations of the REST face that go by another name than the one they call.
const NAMES: [(&str, &str); 23] = [
    ("confirm_change_of_email", "ConfirmEmail"),
    ("confirm_change_of_mobile", "ConfirmMobile"),
    ("consent_history", "ListConsentChanges"),
    ("erase", "EraseUser"),
    ("get_consents", "ListConsents"),
    ("get_preferences", "GetUser"),
    ("lift_restriction", "SetRestriction"),
    ("list_sessions_of", "ListSessions"),
    ("me", "GetUser"),
    ("patch_user", "UpdateUser"),
    ("pseudonymised", "Pseudonymise"),
    ("put_consents", "SetConsents"),
    ("put_preferences", "UpdateUser"),
    ("put_user", "UpdateUser"),
    ("report_email_status", "ReportStatus"),
    ("report_push_status", "ReportStatus"),
    ("report_sms_status", "ReportStatus"),
    ("resend_code", "ResendChallenge"),
    ("restrict", "SetRestriction"),
    ("send_email", "SendNotification"),
    ("send_push", "SendNotification"),
    ("send_sms", "SendNotification"),
    ("validate", "ValidateToken"),
];

/// Reads a list of operations.
pub(crate) fn parse(text: &str) -> Result<Vec<String>, String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let known = |name: &str| {
        METHODS.iter().any(|method| method.public && method.path.rsplit('/').next() == Some(name))
    };
    names
        .map(|name| {
            if known(name) || is_of_gateway(name) {
                return Ok(name.to_owned());
            }
            Err(format!("there is no operation {name:?}; see docs/generated/operations.md"))
        })
        .collect()
}

/// Whether the gateway itself answers the operation.
fn is_of_gateway(name: &str) -> bool {
    let names =
        ["CheckForward", "GetGateway", "ListGatewayRoutes", "ListGatewayUpstreams", "PurgeGatewayCache"];
    names.contains(&name)
}

/// Takes the operations out of a document that are not on the list.
pub(crate) fn limit(document: &mut OpenApi, only: &[String]) {
    if only.is_empty() {
        return;
    }
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let name =
                operation.as_ref().and_then(|operation| operation.operation_id.as_deref()).map(name_of);
            if name.is_none_or(|name| !only.contains(&name)) {
                *operation = None;
            }
        }
    }
    document.paths.paths.retain(|_, item| operations(item).iter().any(|operation| operation.is_some()));
}

fn operations(item: &mut PathItem) -> [&mut Option<Operation>; 5] {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete]
}

/// The operation that an entry of the document is.
pub(crate) fn name_of(operation_id: &str) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(id, _)| *id == operation_id) {
        return (*name).to_owned();
    }
    let mut name = String::with_capacity(operation_id.len());
    for word in operation_id.split('_') {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faces::rest;

    #[test]
    fn every_operation_of_the_document_has_a_name_that_settings_may_use() {
        let mut document = rest::api().1;
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item).into_iter().flatten() {
                let name = name_of(operation.operation_id.as_deref().unwrap());
                assert!(parse(&name).is_ok(), "{path}: {name}");
            }
        }
        assert!(parse("ListUsers, Nothing").unwrap_err().contains("\"Nothing\""));
    }

    #[test]
    fn what_is_not_exposed_is_not_in_the_document() {
        let mut document = rest::api().1;
        limit(&mut document, &parse("ListUsers").unwrap());
        let paths: Vec<_> = rest::paths(&document);
        assert_eq!(paths, [("/api/v1/users".to_owned(), vec![http::Method::GET])]);
    }
}
