//! The count of logins for the metrics, by whatever face they came.

use denizen_kit::problem::{Kind, Problem};
use denizen_rpc::auth::v1::login_response::Result as Outcome;

use crate::error::Error;

/// Counts a login by how it ended.
pub(super) fn counted(outcome: Result<Outcome, Error>) -> Result<Outcome, Problem> {
    let outcome = outcome.map_err(Problem::from);
    let result = match &outcome {
        Ok(Outcome::Tokens(_)) => "ok",
        Ok(Outcome::Challenge(_)) => "challenged",
        Err(problem) => failed(problem.kind),
    };
    metrics::counter!("denizen_logins_total", "result" => result).increment(1);
    outcome
}

const fn failed(kind: Kind) -> &'static str {
    match kind {
        Kind::Unauthenticated | Kind::Invalid | Kind::Malformed => "failed",
        Kind::Forbidden => "refused",
        Kind::TooMany => "limited",
        _ => "error",
    }
}
