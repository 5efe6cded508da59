//! One exchange over one connection: the request is said in the connection's version of HTTP, and what went wrong is
//! told apart by whether the target can have seen it.

use std::sync::Arc;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;

use super::answer::Drive;
use super::body::{Outgoing, Progress};
use super::connect::Fresh;
use super::error::SendError;
use super::line::{Line, Unanswered};
use super::pool::Way;
use super::streams::was_refused;
use super::target::Target;

/// Why an exchange brought no answer.
pub(crate) enum Lost {
    /// The connection had closed before the request was written; here it is again.
    Unsent(Box<Request<Outgoing>>, SendError),
    /// The target surely has not worked on it (RFC 9113 §8.7).
    Refused(SendError),
    /// It may have.
    Broken(SendError),
    /// The request's own body broke.
    Client(SendError),
}

/// Sends a request and waits for the head of the answer.
pub(crate) async fn run(
    way: Way,
    target: &Arc<Target>,
    mut request: Request<Outgoing>,
) -> Result<(Response<Incoming>, Drive), Lost> {
    let progress = request.body().progress();
    match way {
        Way::Line(line) => {
            prepare_http1(&mut request, target).map_err(|error| Lost::Client(SendError::Request(error)))?;
            let (response, line) =
                Line::exchange(line, request).await.map_err(|error| lost(error, progress.as_deref()))?;
            // An answer that comes before the end of its request must not stop the upload, whoever reads it.
            let is_uploading = progress.is_some_and(|progress| !progress.is_done());
            let drive = match line {
                Some(line) if is_uploading => {
                    line.detach();
                    Drive::Apart
                }
                Some(line) => Drive::Reader(line),
                None => Drive::Apart,
            };
            Ok((response, drive))
        }
        Way::Place(place) => {
            prepare_http2(&mut request, target).map_err(|error| Lost::Client(SendError::Request(error)))?;
            let answered = place.exchange(request).await;
            let response = answered.map_err(|error| lost(error, progress.as_deref()))?;
            Ok((response, Drive::Shared { _place: place }))
        }
    }
}

/// The status of an answer that is not read any further.
pub(crate) async fn status(
    fresh: Fresh,
    target: &Arc<Target>,
    request: Request<Outgoing>,
) -> Result<StatusCode, SendError> {
    let way = match fresh {
        Fresh::Line(line) => Way::Line(line),
        Fresh::Streams(streams) => Way::Place(streams.place()),
    };
    let (response, _drive) = run(way, target, request).await.map_err(Lost::into_error)?;
    Ok(response.status())
}

/// HTTP/1 has a target of path and query (RFC 9112 §3.2.1), and `Host`.
pub(crate) fn prepare_http1(request: &mut Request<Outgoing>, target: &Target) -> Result<(), http::Error> {
    *request.version_mut() = Version::HTTP_11;
    if let Some(authority) = request.uri().authority() {
        if !request.headers().contains_key(HOST) {
            let host = HeaderValue::try_from(authority.as_str())?;
            request.headers_mut().insert(HOST, host);
        }
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
    }
    if !request.headers().contains_key(HOST) {
        request.headers_mut().insert(HOST, target.host.clone());
    }
    Ok(())
}

/// HTTP/2 has scheme and authority in its target, and no `Host` beside them (RFC 9113 §8.3.1).
fn prepare_http2(request: &mut Request<Outgoing>, target: &Target) -> Result<(), http::Error> {
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    if parts.authority.is_none() {
        let host = host.as_ref().unwrap_or(&target.host);
        parts.authority = Some(Authority::try_from(host.as_bytes())?);
    }
    parts.scheme = Some(target.origin.scheme());
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

/// What a missing answer means.
pub(crate) fn lost(mut unanswered: Unanswered, progress: Option<&Progress>) -> Lost {
    let request = unanswered.take_message();
    let error = unanswered.into_error();
    if let Some(request) = request {
        return Lost::Unsent(Box::new(request), SendError::Broken(error));
    }
    if let Some(cause) = progress.and_then(Progress::broken) {
        return Lost::Client(SendError::RequestBody(cause));
    }
    if was_refused(&error) {
        return Lost::Refused(SendError::Broken(error));
    }
    Lost::Broken(SendError::Broken(error))
}

// === impl Lost ===

impl Lost {
    pub(crate) fn into_error(self) -> SendError {
        match self {
            Self::Unsent(_, error) | Self::Refused(error) | Self::Broken(error) | Self::Client(error) => {
                error
            }
        }
    }
}
