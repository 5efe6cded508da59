//! What happened, in the past tense. Events carry ids and words of our own, never addresses, tokens or codes.

mod factors;

use denizen_db::Event;
use denizen_kit::id::{SessionId, UserId};
use serde::Serialize;

pub use factors::{
    FactorCodeDue, FactorEnabled, FactorRemoved, FactorViewed, LoginChallenged, RecoveryCodeUsed,
    RecoveryCodesRenewed,
};

/// The types of events and what they mean, for the generated page.
pub const EVENTS: &[(&str, &str)] = &[
    (SessionStarted::TYPE, "A person logged in and has a new session."),
    (SessionEnded::TYPE, "A session ended before its time, with the reason."),
    (
        AllSessionsEnded::TYPE,
        "All sessions of a person were ended at once, and their logins under way. `count`, `reason`.",
    ),
    (SessionSteppedUp::TYPE, "A person proved again within a session who they are."),
    (
        NewDevice::TYPE,
        "A person logged in by a device that was not used before. `ip_sealed`, `user_agent_sealed`: sealed to the person.",
    ),
    (SessionViewed::TYPE, "Somebody looked at the sessions of another person."),
    (
        ServiceAccountCreated::TYPE,
        "A service account was made. `roles`, and `permissions`: all that it may do.",
    ),
    (ServiceAccountDeleted::TYPE, "A service account was deleted; its access tokens are dead."),
    (
        ServiceSecretRotated::TYPE,
        "A service account got another secret. `overlap`: seconds that the one before stays good.",
    ),
    (ServiceTokenIssued::TYPE, "A service account got an access token. `secret_id`: by which secret."),
    (
        FactorCodeDue::TYPE,
        "A code of the second factor is to be sent. `otp_id`: under which notify gets it; `channel`; `reason`: login or \
         setup; `until`: Unix seconds after which nobody needs it.",
    ),
    (LoginChallenged::TYPE, "The password was right and the second factor was asked for. `channel`."),
    (FactorEnabled::TYPE, "A second factor is in force from now on; other sessions ended. `channel`."),
    (
        FactorRemoved::TYPE,
        "The second factor was removed; other sessions ended. `by_admin`: by somebody else than its owner.",
    ),
    (RecoveryCodesRenewed::TYPE, "The recovery codes were replaced."),
    (
        RecoveryCodeUsed::TYPE,
        "A recovery code took the place of the second factor. `left`: how many there are.",
    ),
    (FactorViewed::TYPE, "Somebody looked at the second factor of another person."),
    (
        SigningKeyRotated::TYPE,
        "A new key for access tokens was made, by the operator, by age or by settings. `kid`, `algorithm`.",
    ),
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
    /// By which operation: `password` or `otp`, or with them `second_factor` or `recovery`.
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
    /// Why: `expired` for one whose time was over, told on the day after; else `logout`, `logout_all`, `ended_by_owner`, `ended_by_admin`, `session_limit`, `refresh_reuse`,
    /// `account_blocked` and the like, or what the asking service said, such as `password_reset`.
    pub reason: String,
}

/// All sessions of a person were ended at once, and their logins under way; told beside the end of each.
#[derive(Debug, Serialize)]
pub struct AllSessionsEnded {
    /// Whose they were.
    #[serde(skip)]
    pub user_id: UserId,
    /// How many were live.
    pub count: i64,
    /// Why: `ended_by_owner` or `ended_by_admin`.
    pub reason: &'static str,
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

/// A person logged in by a device that was not used before.
#[derive(Debug, Serialize)]
pub struct NewDevice {
    /// Who.
    #[serde(skip)]
    pub user_id: UserId,
    /// The session of the login.
    pub session_id: SessionId,
    /// The address, sealed to the person as in their sessions, in base64.
    pub ip_sealed: Option<String>,
    /// What the program calls itself, sealed likewise.
    pub user_agent_sealed: Option<String>,
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
    /// Why: `invalid_credentials`, `code_invalid`, `session_limit`, `session_ended`, `too_many_attempts`, or the code
    /// of the account's state.
    pub reason: &'static str,
    /// By which operation: `password`, `otp`, `step_up`, or `client` for a service account.
    pub method: &'static str,
}

/// A service account was made.
#[derive(Debug, Serialize)]
pub struct ServiceAccountCreated {
    /// Which.
    #[serde(skip)]
    pub account_id: UserId,
    /// Names of its roles.
    pub roles: Vec<String>,
    /// All that it may do.
    pub permissions: Vec<String>,
}

/// A service account was deleted.
#[derive(Debug, Serialize)]
pub struct ServiceAccountDeleted {
    /// Which.
    #[serde(skip)]
    pub account_id: UserId,
}

/// A service account got another secret.
#[derive(Debug, Serialize)]
pub struct ServiceSecretRotated {
    /// Which account.
    #[serde(skip)]
    pub account_id: UserId,
    /// How long the secret before stays good, in seconds.
    pub overlap: u64,
}

/// A service account got an access token.
#[derive(Debug, Serialize)]
pub struct ServiceTokenIssued {
    /// Which account.
    #[serde(skip)]
    pub account_id: UserId,
    /// By which secret.
    pub secret_id: SessionId,
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

impl Event for AllSessionsEnded {
    const TYPE: &'static str = "session.all_ended";

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

impl Event for NewDevice {
    const TYPE: &'static str = "session.new_device";

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

impl Event for ServiceAccountCreated {
    const TYPE: &'static str = "service_account.created";

    fn subject(&self) -> Option<UserId> {
        Some(self.account_id)
    }
}

impl Event for ServiceAccountDeleted {
    const TYPE: &'static str = "service_account.deleted";

    fn subject(&self) -> Option<UserId> {
        Some(self.account_id)
    }
}

impl Event for ServiceSecretRotated {
    const TYPE: &'static str = "service_account.secret_rotated";

    fn subject(&self) -> Option<UserId> {
        Some(self.account_id)
    }
}

impl Event for ServiceTokenIssued {
    const TYPE: &'static str = "service_account.token_issued";

    fn subject(&self) -> Option<UserId> {
        Some(self.account_id)
    }
}

/// A new key for access tokens was made.
#[derive(Debug, Serialize)]
pub struct SigningKeyRotated {
    /// Its name.
    pub kid: String,
    /// What it is for (RFC 7518 §3.1).
    pub algorithm: String,
}

impl Event for SigningKeyRotated {
    const TYPE: &'static str = "signing_key.rotated";

    fn subject(&self) -> Option<UserId> {
        None
    }
}
