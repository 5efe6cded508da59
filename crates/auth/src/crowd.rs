//! [`Crowd`]: that there was no room for a password a moment ago, so that the next are told so before anything is looked up
//! for them. A refusal that costs as much as the way to it takes time away from those who are let in.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use denizen_kit::problem::{Code, Problem};

use crate::error::Error;

/// How long it is remembered. The queue for a hash must not run empty meanwhile: with its 64 places that would take 20,000
/// hashes a second.
const MOMENT: Duration = Duration::from_millis(3);

/// When to come again, as the service password says it.
const RETRY: Duration = Duration::from_secs(1);

/// That there was no room for a password a moment ago.
#[derive(Debug, Default)]
pub struct Crowd(Mutex<Option<Instant>>);

// === impl Crowd ===

impl Crowd {
    /// Lets somebody go on unless there was no room a moment ago.
    pub(crate) fn admit(&self, now: Instant) -> Result<(), Problem> {
        let refused_at = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if refused_at.is_none_or(|at| now.saturating_duration_since(at) >= MOMENT) {
            return Ok(());
        }
        metrics::counter!("denizen_password_shed_total").increment(1);
        Err(Problem::of(Code::Overloaded).retry_in(RETRY))
    }

    /// Notes what became of somebody who was let go on.
    pub(crate) fn note(&self, error: &Error, now: Instant) {
        if matches!(error, Error::Problem(problem) if problem.code == Code::Overloaded) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_finds_no_room_speaks_for_those_of_the_next_moment() {
        let (crowd, now) = (Crowd::default(), Instant::now());
        crowd.admit(now).unwrap();
        crowd.note(&Error::BadCredentials, now);
        crowd.admit(now).unwrap();
        crowd.note(&Error::Problem(Problem::of(Code::Overloaded)), now);
        let refused = crowd.admit(now + MOMENT / 2).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::Overloaded, Some(RETRY)));
        crowd.admit(now + MOMENT).unwrap();
    }
}
