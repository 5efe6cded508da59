//! [`Problem`] ⇄ [`Status`], with the standard `google.rpc` details (AIP-193): `ErrorInfo` holds the code with
//! domain `denizen` and each field's code, `BadRequest` the fields, `RetryInfo` the wait.

use std::collections::HashMap;

use denizen_kit::problem::{Code, FieldError, Kind, Problem};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

/// Domain of our codes in `ErrorInfo`.
const DOMAIN: &str = "denizen";

/// The status of a problem. Logs its cause, here and nowhere else.
pub fn status_from(problem: Problem) -> Status {
    log(&problem);
    let mut details = ErrorDetails::new();
    let field_codes: HashMap<String, String> =
        problem.fields.iter().map(|field| (field.pointer.clone(), field.code.clone())).collect();
    details.set_error_info(problem.code.as_str(), DOMAIN, field_codes);
    for field in &problem.fields {
        details.add_bad_request_violation(&field.pointer, &field.detail);
    }
    if let Some(wait) = problem.retry_after {
        details.set_retry_info(Some(wait));
    }
    Status::with_error_details(grpc_code(problem.kind), problem.detail.into_owned(), details)
}

/// The problem of a status, ours or the transport's.
pub fn problem_from(status: Status) -> Problem {
    let details = status.get_error_details();
    let code =
        details.error_info().filter(|info| info.domain == DOMAIN).and_then(|info| Code::parse(&info.reason));
    let Some(code) = code else { return transport_problem(status) };
    let mut problem = Problem::new(code, status.message().to_owned());
    let codes = details.error_info().map(|info| &info.metadata);
    for violation in details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default() {
        problem.fields.push(FieldError {
            pointer: violation.field.clone(),
            code: codes.and_then(|codes| codes.get(&violation.field)).cloned().unwrap_or_default(),
            detail: violation.description.clone(),
        });
    }
    problem.retry_after = details.retry_info().and_then(|info| info.retry_delay);
    problem
}

/// A status that no service of ours made: the connection broke, the time was up.
fn transport_problem(status: Status) -> Problem {
    match status.code() {
        tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => Problem::of(Code::Timeout),
        tonic::Code::Unauthenticated => Problem::of(Code::Unauthenticated),
        tonic::Code::Unavailable | tonic::Code::Unknown => {
            Problem::unavailable("a service that this needs cannot be reached now; repeat it later")
                .caused_by(status)
        }
        _ => Problem::internal(status),
    }
}

const fn grpc_code(kind: Kind) -> tonic::Code {
    match kind {
        Kind::Malformed | Kind::Invalid => tonic::Code::InvalidArgument,
        Kind::Unauthenticated => tonic::Code::Unauthenticated,
        Kind::Forbidden => tonic::Code::PermissionDenied,
        Kind::NotFound => tonic::Code::NotFound,
        Kind::Conflict => tonic::Code::AlreadyExists,
        Kind::Stale => tonic::Code::FailedPrecondition,
        Kind::TooMany => tonic::Code::ResourceExhausted,
        Kind::Timeout => tonic::Code::DeadlineExceeded,
        Kind::Unavailable => tonic::Code::Unavailable,
        Kind::Internal => tonic::Code::Internal,
    }
}

fn log(problem: &Problem) {
    let code = problem.code.as_str();
    match (problem.kind, &problem.cause) {
        (Kind::Internal, cause) => {
            let cause = cause.as_ref().map(ToString::to_string).unwrap_or_default();
            tracing::error!(code, cause, "an operation failed: {}", problem.detail);
        }
        (Kind::Unavailable | Kind::Timeout, Some(cause)) => {
            tracing::warn!(code, %cause, "an operation could not be done: {}", problem.detail);
        }
        // Without a cause it comes from another service, which has logged it, or says that there is too much work: a line for
        // each such request would be more of that.
        (Kind::Unavailable | Kind::Timeout, None) => {
            tracing::debug!(code, "an operation could not be done: {}", problem.detail);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_problem_survives_the_way() {
        for code in Code::ALL {
            let sent = Problem::new(*code, "do this")
                .with_field("/email", "taken", "choose another")
                .retry_in(Duration::from_secs(3));
            let got = problem_from(status_from(sent.clone()));
            assert_eq!((got.code, got.kind, got.fields), (sent.code, sent.kind, sent.fields));
            assert_eq!((got.detail, got.retry_after), (sent.detail, sent.retry_after));
        }
    }

    #[test]
    fn a_cause_is_never_sent() {
        let problem = Problem::internal(std::io::Error::other("secret path"));
        let status = status_from(problem);
        assert!(!format!("{status:?}").contains("secret path"));
    }
}
