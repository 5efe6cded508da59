//! Requests that ask for another protocol: over an HTTP/1 connection of their own, which leaves HTTP when the target
//! agrees (RFC 9110 §7.8).

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use tokio::time::timeout_at;

use super::answer::{Drive, answer};
use super::body::{Body, Outgoing};
use super::connect::Fresh;
use super::error::{ConnectError, SendError};
use super::exchange::{Lost, lost, prepare_http1};
use super::flight::{Flight, Outcome};
use super::line::Line;
use super::send::{Journey, Missed};

/// Counts an upgraded connection as a request under way, as long as a clone of it is kept. It is an extension of the answer.
#[derive(Clone)]
pub struct Hold {
    _flight: Arc<Flight>,
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hold")
    }
}

/// One try to upgrade at one target.
pub(crate) async fn attempt(
    journey: &Journey<'_>,
    mut flight: Flight,
    mut request: Request<Outgoing>,
) -> Result<Response<Body>, Missed> {
    let target = flight.target().clone();
    let connecting = journey.inner.connector.connect(&target.origin, true);
    let connected = match journey.ask.deadline {
        Some(deadline) => timeout_at(deadline, connecting).await.unwrap_or(Err(ConnectError::Timeout)),
        None => connecting.await,
    };
    let line = match connected {
        Ok(Fresh::Line(line)) => line,
        Ok(Fresh::Streams(_)) => return unsent(flight, request, ConnectError::Protocol),
        Err(error) => return unsent(flight, request, error),
    };
    if let Err(error) = prepare_http1(&mut request, &target) {
        return Err(Missed::of(Lost::Client(SendError::Request(error)), flight));
    }
    journey.tell(request.headers_mut());
    let progress = request.body().progress();
    let exchange = Line::exchange_for_upgrade(line, request);
    match journey.in_time(exchange, progress.as_deref()).await {
        Ok(Ok(response)) => {
            flight.tell(Outcome::of(response.status(), response.headers()));
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(answer(response, Drive::Apart, flight, journey.inner.spec.timeouts.idle));
            }
            let mut response = response.map(|_| Body::empty());
            response.extensions_mut().insert(Hold { _flight: Arc::new(flight) });
            Ok(response)
        }
        Ok(Err(unanswered)) => Err(Missed::of(lost(unanswered, progress.as_deref()), flight)),
        Err(missed) => {
            journey.note_late(flight, progress.as_deref());
            Err(missed)
        }
    }
}

fn unsent(
    mut flight: Flight,
    request: Request<Outgoing>,
    error: ConnectError,
) -> Result<Response<Body>, Missed> {
    flight.tell(Outcome::Failed(None));
    Err(Missed::Unsent(Box::new(request), error.into()))
}
