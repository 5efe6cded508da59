//! What a session is, and the rules about it. No I/O.

mod access_token;
mod cursor;
mod device;
mod factor;
mod key_pair;
mod recovery;
mod refresh_token;
mod service_account;
mod signing_key;
mod wanted;

use std::time::Duration;

use denizen_kit::id::{SessionId, UserId};
use denizen_kit::problem::Code;
use denizen_kit::time::{Timestamp, after, elapsed};
use denizen_rpc::users::v1::Status;

use crate::config::Config;

pub(crate) use access_token::{AUDIENCE, Claims, verify};
pub(crate) use cursor::Cursor;
pub(crate) use device::device;
pub(crate) use factor::{
    CHALLENGE_TRIES, CHALLENGE_TTL, Challenge, ChallengeId, ChallengeToken, Channel, Factor, OtpId, Pending,
    RESEND_COOLDOWN,
};
pub(crate) use recovery::RecoveryCode;
pub(crate) use refresh_token::RefreshToken;
pub(crate) use service_account::{
    ClientSecret, FAILURES_KEPT, MAX_OVERLAP, NewServiceAccount, Secret, ServiceAccount, delay, matching,
};
pub(crate) use signing_key::{SigningKey, StoredKey, VerifyingKey, key_set};
pub(crate) use wanted::{ChallengeLogin, CodeLogin, MAX_CODE, OtpLogin, PasswordLogin, StepUpProof};

/// How far the clocks of two replicas may differ where a revocation must outlive a token.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A login session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    /// Grows by one with each refresh; the refresh token of the present one is good.
    pub(crate) generation: i64,
    /// Makes the session's refresh tokens unlike those of any other.
    pub(crate) nonce: Vec<u8>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_seen_at: Timestamp,
    /// When the present generation began.
    pub(crate) rotated_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    /// Sealed under the person's data key.
    pub(crate) ip_sealed: Option<Vec<u8>>,
    /// Sealed under the person's data key.
    pub(crate) user_agent_sealed: Option<Vec<u8>>,
    /// What ties it to the network in which it was begun; none for one that counts anywhere.
    pub(crate) tie: Option<Vec<u8>>,
    /// How the person proved who they are (RFC 8176).
    pub(crate) amr: Vec<String>,
    /// When they last did.
    pub(crate) auth_time: Timestamp,
}

/// What is to be done with a refresh token that is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// It is the present one: the next generation begins.
    Rotate,
    /// It is the one before, and only just: the present one is given once more.
    Replay,
    /// It was used long ago: somebody has a copy, and the session ends.
    Reuse,
}

// === impl Session ===

impl Session {
    /// Whether it has neither ended nor expired.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && self.expires_at > now
    }

    /// What is to be done with a genuine refresh token of this generation.
    pub(crate) fn renewal(&self, generation: i64, now: Timestamp, grace: Duration) -> Renewal {
        if generation == self.generation {
            return Renewal::Rotate;
        }
        let is_previous = generation.checked_add(1) == Some(self.generation);
        if is_previous && elapsed(self.rotated_at, now) <= grace {
            return Renewal::Replay;
        }
        Renewal::Reuse
    }

    /// The session after a refresh.
    #[must_use]
    pub(crate) fn rotated(self, now: Timestamp, config: &Config) -> Self {
        Self {
            generation: self.generation + 1,
            last_seen_at: now,
            rotated_at: now,
            expires_at: expiry(self.created_at, now, config),
            ..self
        }
    }
}

/// When a session ends that was last refreshed now: by disuse, or by its greatest age.
pub(crate) fn expiry(created_at: Timestamp, now: Timestamp, config: &Config) -> Timestamp {
    after(now, config.refresh_token_ttl).min(after(created_at, config.session_max_age))
}

/// Until when an access token of a session that ends now can still be valid by itself: none outlives its session.
pub(crate) fn revoked_until(expires_at: Timestamp, now: Timestamp, config: &Config) -> Timestamp {
    after(now, config.access_token_ttl + CLOCK_SKEW).min(after(expires_at, CLOCK_SKEW))
}

/// The day of a time, counted from 1970-01-01 UTC.
pub(crate) fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

/// How many of a person's sessions must go so that one more may begin; 0 sessions allowed means any number.
pub(crate) fn surplus(live: usize, max_sessions: u32) -> usize {
    let allowed = usize::try_from(max_sessions).unwrap_or(usize::MAX);
    if allowed == 0 { 0 } else { (live + 1).saturating_sub(allowed) }
}

/// Whether an account in this state may have tokens; otherwise the code that says why not.
pub(crate) fn standing(status: Status) -> Result<(), Code> {
    match status {
        Status::Active => Ok(()),
        Status::Blocked => Err(Code::AccountBlocked),
        Status::Suspended => Err(Code::AccountSuspended),
        Status::Deleted => Err(Code::AccountDeleted),
        Status::Pending | Status::Unspecified => Err(Code::AccountPending),
    }
}

/// The ways of proof with one more, each once.
pub(crate) fn with_method(amr: &[String], method: &str) -> Vec<String> {
    let mut methods = amr.to_vec();
    if !methods.iter().any(|known| known == method) {
        methods.push(method.to_owned());
    }
    methods
}

#[cfg(test)]
mod tests {
    use denizen_kit::config::Settings;
    use denizen_kit::id::Id;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn session() -> Session {
        Session {
            id: Id::nil(),
            user_id: Id::nil(),
            generation: 5,
            nonce: vec![1; 16],
            created_at: at(0),
            last_seen_at: at(1000),
            rotated_at: at(1000),
            expires_at: at(5000),
            ended_at: None,
            ip_sealed: None,
            user_agent_sealed: None,
            tie: None,
            amr: vec!["pwd".to_owned()],
            auth_time: at(0),
        }
    }

    #[test]
    fn a_session_is_live_until_it_ends_or_expires() {
        assert!(session().is_live(at(4999)));
        assert!(!session().is_live(at(5000)));
        assert!(!Session { ended_at: Some(at(1)), ..session() }.is_live(at(2)));
    }

    #[test]
    fn only_the_present_generation_rotates_and_only_the_one_before_is_replayed() {
        let grace = Duration::from_secs(10);
        assert_eq!(session().renewal(5, at(4000), grace), Renewal::Rotate);
        assert_eq!(session().renewal(4, at(1010), grace), Renewal::Replay);
        assert_eq!(session().renewal(4, at(1011), grace), Renewal::Reuse);
        assert_eq!(session().renewal(3, at(1000), grace), Renewal::Reuse);
        assert_eq!(session().renewal(6, at(1000), grace), Renewal::Reuse);
        assert_eq!(session().renewal(i64::MAX, at(1000), grace), Renewal::Reuse);
        assert_eq!(session().renewal(i64::MIN, at(1000), grace), Renewal::Reuse);
    }

    #[test]
    fn a_refresh_prolongs_up_to_the_greatest_age() {
        let mut config = Config::read(&mut Settings::load("", []));
        config.refresh_token_ttl = Duration::from_secs(100);
        config.session_max_age = Duration::from_secs(1050);
        let early = session().rotated(at(900), &config);
        assert_eq!((early.generation, early.rotated_at, early.expires_at), (6, at(900), at(1000)));
        assert_eq!(session().rotated(at(1000), &config).expires_at, at(1050));
    }

    #[test]
    fn a_revocation_outlives_every_access_token() {
        let mut config = Config::read(&mut Settings::load("", []));
        config.access_token_ttl = Duration::from_secs(1800);
        assert_eq!(revoked_until(at(100_000), at(1000), &config), at(1000 + 1800 + 60));
        assert_eq!(revoked_until(at(1500), at(1000), &config), at(1500 + 60));
    }

    #[test]
    fn the_limit_leaves_room_for_one_more() {
        for (live, allowed, expected) in
            [(0, 10, 0), (9, 10, 0), (10, 10, 1), (15, 10, 6), (3, 1, 3), (50, 0, 0)]
        {
            assert_eq!(surplus(live, allowed), expected, "{live} live of {allowed}");
        }
    }

    #[test]
    fn only_active_accounts_get_tokens() {
        assert_eq!(standing(Status::Active), Ok(()));
        assert_eq!(standing(Status::Blocked), Err(Code::AccountBlocked));
        assert_eq!(standing(Status::Suspended), Err(Code::AccountSuspended));
        assert_eq!(standing(Status::Deleted), Err(Code::AccountDeleted));
        assert_eq!(standing(Status::Pending), Err(Code::AccountPending));
        assert_eq!(standing(Status::Unspecified), Err(Code::AccountPending));
    }

    #[test]
    fn methods_are_kept_once() {
        assert_eq!(with_method(&["pwd".to_owned()], "pwd"), ["pwd"]);
        assert_eq!(with_method(&["pwd".to_owned()], "otp"), ["pwd", "otp"]);
    }
}
