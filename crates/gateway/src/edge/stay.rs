//! How long who came may stay, for what outlives its request.

use std::sync::Arc;

use super::access::Access;
use super::authenticate::Authenticator;
use super::revocations::Revocations;
use super::token::Verified;
use super::who::Who;

/// Somebody with a session here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stay<'a> {
    revocations: &'a Arc<Revocations>,
    access: &'a Arc<Access>,
    verified: &'a Arc<Verified>,
}

// === impl Stay ===

impl<'a> Stay<'a> {
    /// The stay of who came; none for whom another issuer vouches, since that tells of no ends.
    pub(crate) fn of(who: &'a Who, authenticator: &'a Authenticator) -> Option<Self> {
        let Who::Own(verified) = who else { return None };
        Some(Self { revocations: &authenticator.revocations, access: &authenticator.access, verified })
    }

    /// Waits until their session has ended, or what they may do is no longer what it was when they came.
    pub(crate) fn over(self) -> impl Future<Output = ()> + Send + use<> {
        let (revocations, access) = (self.revocations.clone(), self.access.clone());
        let verified = self.verified.clone();
        async move {
            tokio::select! {
                () = revocations.ended(verified.session_id) => {}
                () = access.moved(&verified.person) => {}
            }
        }
    }
}
