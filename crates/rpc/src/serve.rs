//! What each method of a service does around its op: context in, answer or status out.

use std::sync::Arc;

use denizen_kit::cx::{Call, Cx};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Clock;
use tonic::{Request, Response, Status};

use crate::status_from;

/// What a method of a service returns.
pub type Reply<T> = Result<Response<T>, Status>;

/// Runs one method: makes the [`Cx`] of the call, hands it over with the message, turns a problem into a status.
pub async fn serve<T, R>(
    clock: &Clock,
    request: Request<T>,
    method: impl AsyncFnOnce(Cx, T) -> Result<R, Problem>,
) -> Reply<R> {
    let Some(call) = request.extensions().get::<Arc<Call>>().cloned() else {
        return Err(status_from(Problem::new(Code::Unauthenticated, "the call does not say who calls")));
    };
    let cx = Cx::new(call, clock.clone());
    method(cx, request.into_inner()).await.map(Response::new).map_err(status_from)
}
