//! What happened, in the past tense. Events carry ids and words of our own, never addresses, tokens or codes.

use denizen_db::Event;
use denizen_kit::id::{SessionId, UserId};
use serde::Serialize;

/// The types of events and what they mean, for the generated page.
pub const EVENTS: &[(&str, &str)] = &[
    (SessionStarted::TYPE, "A person logged in and has a new session."),
    (SessionEnded::TYPE, "A session ended before its time, with the reason."),
    (SessionSteppedUp::TYPE, "A person proved again within a session who they are."),
    (SessionViewed::TYPE, "Somebody looked at the sessions of another person."),
    (LoginFailed::TYPE, "A try to log in or to step up did not succeed, with the reason."),
];

/// A person logged in and has a new session.
#[derive(Debug, Serialize)]
pub struct SessionStarted {
    /// Whose it is.
    #[serde(skip)]
    pub user_id: UserId,
    /// Which.
    pub session_id: SessionId,
    /// How they proved who they are (RFC 8176).
    pub amr: Vec<String>,
    /// By which operation: `password` or `otp`.
    pub method: &'static str,
}

/// A session ended before its time.
#[derive(Debug, Serialize)]
pub struct SessionEnded {
    /// Whose it was.
    #[serde(skip)]
    pub user_id: UserId,
    /// Which.
    pub session_id: SessionId,
    /// Why: `logout`, `logout_all`, `ended_by_owner`, `ended_by_admin`, `session_limit`, `refresh_reuse`,
    /// `account_blocked` and the like, or what the asking service said, such as `password_reset`.
    pub reason: String,
}

/// A person proved again within a session who they are.
#[derive(Debug, Serialize)]
pub struct SessionSteppedUp {
    /// Whose it is.
    #[serde(skip)]
    pub user_id: UserId,
    /// Which.
    pub session_id: SessionId,
    /// All the ways by which they have proved it in this session (RFC 8176).
    pub amr: Vec<String>,
}

/// Somebody looked at the sessions of another person.
#[derive(Debug, Serialize)]
pub struct SessionViewed {
    /// Whose they are.
    #[serde(skip)]
    pub user_id: UserId,
    /// How many were shown.
    pub count: usize,
}

/// A try to log in or to step up did not succeed.
#[derive(Debug, Serialize)]
pub struct LoginFailed {
    /// Whose account it was, if there is such an account.
    #[serde(skip)]
    pub user_id: Option<UserId>,
    /// Why: `invalid_credentials`, `code_invalid`, `session_limit`, or the code of the account's state.
    pub reason: &'static str,
    /// By which operation: `password`, `otp` or `step_up`.
    pub method: &'static str,
}

impl Event for SessionStarted {
    const TYPE: &'static str = "session.started";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

impl Event for SessionEnded {
    const TYPE: &'static str = "session.ended";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

impl Event for SessionSteppedUp {
    const TYPE: &'static str = "session.stepped_up";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

impl Event for SessionViewed {
    const TYPE: &'static str = "session.viewed";

    fn subject(&self) -> Option<UserId> {
        Some(self.user_id)
    }
}

impl Event for LoginFailed {
    const TYPE: &'static str = "auth.login_failed";

    fn subject(&self) -> Option<UserId> {
        self.user_id
    }
}
