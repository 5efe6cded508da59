//! Operations that take something away. Each is answered when this node knows what is gone, so that the very next request
//! with an old token finds it gone; other nodes hear of it by their streams.

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode};
use tokio::time::Instant;
use tower::Service as _;

use super::Inner;
use super::table::Endpoint;
use crate::faces::failure::Failure;

/// What an operation may take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Sessions, or secrets of service accounts, which stand for the sessions of their tokens.
    Sessions,
    /// A session, where the operation succeeds.
    SessionIfDone,
    /// A session, where the operation is refused.
    SessionIfRefused,
    /// Roles, or what they allow.
    Roles,
}

/// All of them, by method and path below `/api/v1`.
const OPERATIONS: [(&str, &str, Loss); 23] = [
    // The oldest session makes room for a new one. Who is refused, or shed in a storm, takes nothing and asks for nothing.
    ("POST", "/auth/login", Loss::SessionIfDone),
    ("POST", "/auth/login/otp", Loss::SessionIfDone),
    // A token that was used long ago ends its session.
    ("POST", "/auth/refresh", Loss::SessionIfRefused),
    ("POST", "/auth/logout", Loss::Sessions),
    ("DELETE", "/sessions", Loss::Sessions),
    ("DELETE", "/sessions/{id}", Loss::Sessions),
    ("DELETE", "/admin/users/{id}/sessions", Loss::Sessions),
    ("PUT", "/users/{id}/password", Loss::Sessions),
    ("POST", "/password/reset", Loss::Sessions),
    ("POST", "/email/verify/confirm", Loss::Sessions),
    ("POST", "/users/{id}/email/confirm", Loss::Sessions),
    ("POST", "/users/{id}/second-factor/confirm", Loss::Sessions),
    ("DELETE", "/users/{id}/second-factor", Loss::Sessions),
    ("POST", "/admin/users/{id}/block", Loss::Sessions),
    ("POST", "/admin/users/{id}/suspend", Loss::Sessions),
    ("DELETE", "/users/{id}", Loss::Sessions),
    ("POST", "/users/{id}/erase", Loss::Sessions),
    ("DELETE", "/admin/service-accounts/{id}", Loss::Sessions),
    ("POST", "/admin/service-accounts/{id}/rotate-secret", Loss::Sessions),
    ("PUT", "/admin/users/{id}/roles", Loss::Roles),
    ("POST", "/admin/roles", Loss::Roles),
    ("PATCH", "/admin/roles/{name}", Loss::Roles),
    ("DELETE", "/admin/roles/{name}", Loss::Roles),
];

// === impl Loss ===

impl Loss {
    /// What an operation may take away; none for most.
    pub(crate) fn of(method: &Method, template: &str) -> Option<Self> {
        let path = template.strip_prefix("/api/v1")?;
        let is_it = |(on, at, _): &&(&str, &str, Self)| *on == method.as_str() && *at == path;
        OPERATIONS.iter().find(is_it).map(|(_, _, loss)| *loss)
    }

    /// Whether it may have happened when the operation was answered so. What failed may have ended sessions before.
    fn may_follow(self, status: StatusCode) -> bool {
        match self {
            Self::Sessions | Self::Roles => true,
            Self::SessionIfDone => status.is_success(),
            Self::SessionIfRefused => !status.is_success(),
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Hands a request to the router, and gives the answer on when this node knows what is gone by it.
    pub(super) async fn pass(
        &self,
        endpoint: &Endpoint,
        request: Request<Body>,
    ) -> Result<Response, Failure> {
        let began = endpoint.loss.map(|loss| (loss, Instant::now()));
        let Ok(response) = self.router.clone().call(request).await;
        if let Some((loss, began)) = began.filter(|(loss, _)| loss.may_follow(response.status())) {
            // On the heap: what takes nothing away does not carry the room for it.
            Box::pin(self.app.authenticator.catch_up(loss, began)).await;
        }
        Ok(response)
    }
}

#[cfg(test)]
#[path = "losses_tests.rs"]
mod tests;
