//! What a client is told when an upstream gave no answer.

use std::error::Error;

use denizen_kit::problem::{Code, Problem};
use denizen_upstream::http::{Cluster, SendError};
use http::StatusCode;
use http_body_util::LengthLimitError;

use crate::faces::failure::Failure;

/// The failure that a missing answer is to the client: 503 when nothing was sent since nobody takes it, 502 when no
/// answer came, 504 when none came in time, and a 4xx when the client's own body was at fault.
pub(super) fn failure(cluster: &Cluster, error: SendError) -> Failure {
    let name = &cluster.spec().name;
    let unavailable = |detail: &'static str| Problem::unavailable(detail);
    match error {
        SendError::NoTarget => {
            tracing::warn!(upstream = name, "a request found no target: none is known");
            unavailable("nothing is known that could answer this now; repeat it later").into()
        }
        SendError::AllDown { retry_after } => {
            unavailable("all that could answer this are down; repeat it later").retry_in(retry_after).into()
        }
        SendError::Open { retry_after } => {
            unavailable("what answers this has failed too often and is spared for a while; repeat it later")
                .retry_in(retry_after)
                .into()
        }
        SendError::Timeout => {
            Problem::new(Code::Timeout, "the upstream did not answer in time; repeat the request").into()
        }
        SendError::RequestBody(cause) => client_fault(&*cause),
        SendError::Request(_) => {
            Problem::malformed("the request cannot be passed on; see its host and its path").into()
        }
        error @ (SendError::Connect(_) | SendError::Broken(_) | SendError::Unasked) => {
            tracing::warn!(upstream = name, %error, "an upstream gave no answer");
            let problem = unavailable("the upstream gave no answer; repeat the request");
            Failure::from(problem).with_status(StatusCode::BAD_GATEWAY)
        }
    }
}

/// What was wrong with a body on the client's side.
fn client_fault(cause: &(dyn Error + Send + Sync + 'static)) -> Failure {
    let mut link: Option<&(dyn Error + 'static)> = Some(cause);
    while let Some(error) = link {
        if error.is::<LengthLimitError>() {
            return Problem::of(Code::PayloadTooLarge).into();
        }
        link = error.source();
    }
    Problem::malformed("the body of the request broke off; send it again").into()
}
