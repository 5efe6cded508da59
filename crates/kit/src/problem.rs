//! The one vocabulary of failures: what kind, which code, what to do. Every face renders the same [`Problem`].
//!
//! A service's own error enum has one `From<Error> for Problem`; between processes a problem travels as a gRPC
//! status with the standard details; at the edge it becomes RFC 9457 JSON. What caused it is kept for the log and
//! never sent.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What kind of failure it is; decides the status at every face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Cannot be read: syntax, type, shape.
    Malformed,
    /// Can be read but not accepted.
    Invalid,
    /// No or bad credentials.
    Unauthenticated,
    /// Lacks the permission, or the account's state forbids it.
    Forbidden,
    /// Is not there for this caller.
    NotFound,
    /// Is taken, or conflicts with what is there.
    Conflict,
    /// A precondition does not hold any more.
    Stale,
    /// Too many tries or requests.
    TooMany,
    /// Was not done in time.
    Timeout,
    /// Cannot be done now.
    Unavailable,
    /// Our fault.
    Internal,
}

macro_rules! codes {
    ($($variant:ident = $text:literal $kind:ident $doc:literal;)*) => {
        /// What exactly happened; stable, the same at every face.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $doc] $variant,)* }

        impl Code {
            /// All codes, in the order of the documentation.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code as it stands on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }

            /// The kind of failure that the code belongs to.
            pub const fn kind(self) -> Kind {
                match self { $(Code::$variant => Kind::$kind,)* }
            }

            /// What the code means and what to do, for `/problems/<code>`.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $doc,)* }
            }
        }
    };
}

codes! {
    MalformedRequest = "malformed_request" Malformed "The request could not be read. Correct its syntax, types or shape.";
    ValidationFailed = "validation_failed" Invalid "A field is not acceptable. See errors[] for each field and the way out.";
    WeakPassword = "weak_password" Invalid "The password is too easy to guess. Choose another as errors[] says.";
    CodeInvalid = "code_invalid" Invalid "The code is wrong, used, ended or was made for something else. Ask for a new one.";
    TokenInvalid = "token_invalid" Invalid "The token is wrong, used, ended or was made for something else. Ask for a new one.";
    IdempotencyKeyReused = "idempotency_key_reused" Invalid "The Idempotency-Key was used with another request. Use a new key.";
    Unauthenticated = "unauthenticated" Unauthenticated "The request needs an access token. Log in and send it as a bearer token.";
    InvalidCredentials = "invalid_credentials" Unauthenticated "Identifier and password do not match an account.";
    TokenExpired = "token_expired" Unauthenticated "The access token has expired. Refresh it.";
    Forbidden = "forbidden" Forbidden "The caller lacks the permission for this operation.";
    StepUpRequired = "step_up_required" Forbidden "Prove yourself again: send password in the body, or call /auth/step-up first.";
    MfaRequired = "mfa_required" Forbidden "A second factor is needed to go on.";
    AccountBlocked = "account_blocked" Forbidden "The account is blocked. Ask an administrator.";
    AccountSuspended = "account_suspended" Forbidden "The account is suspended for a time.";
    AccountLocked = "account_locked" Forbidden "The account is locked. Reset the password to open it.";
    AccountDeleted = "account_deleted" Forbidden "The account was deleted. An administrator can restore it for a time.";
    AccountPending = "account_pending" Forbidden "The account waits for activation.";
    NotFound = "not_found" NotFound "There is nothing here for this caller.";
    EmailTaken = "email_taken" Conflict "Another account has this e-mail address.";
    UsernameTaken = "username_taken" Conflict "Another account has this user name.";
    MobileTaken = "mobile_taken" Conflict "Another account has this mobile number.";
    Conflict = "conflict" Conflict "The request conflicts with the present state.";
    TooManySessions = "too_many_sessions" Conflict "There are as many sessions as are allowed. End one, then log in again.";
    StaleVersion = "stale_version" Stale "It has changed since you read it. Read it again and repeat the change.";
    PayloadTooLarge = "payload_too_large" Invalid "The body is larger than the limit.";
    UnsupportedMediaType = "unsupported_media_type" Malformed "The body must be application/json.";
    MethodNotAllowed = "method_not_allowed" Malformed "This path does not take this method. See Allow.";
    TooManyAttempts = "too_many_attempts" TooMany "Too many failed tries. Wait as Retry-After says.";
    RateLimited = "rate_limited" TooMany "Too many requests. Wait as Retry-After says.";
    Timeout = "timeout" Timeout "The request was not done in time. Repeat it.";
    Overloaded = "overloaded" Unavailable "The server has more work than it can take. Wait as Retry-After says.";
    Unavailable = "unavailable" Unavailable "A part that this needs cannot be reached now. Repeat it later.";
    Internal = "internal" Internal "Something failed on our side. Report the request id.";
}

impl Code {
    /// The code with this text.
    pub fn parse(text: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

/// What is wrong with one field of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the request, such as `/email`.
    pub pointer: String,
    /// Stable word: `required`, `too_long`, `invalid_format` …
    pub code: String,
    /// What is wrong and the way out.
    pub detail: String,
}

/// A failure on its way from an op to the wire.
#[derive(Clone)]
pub struct Problem {
    /// Its kind.
    pub kind: Kind,
    /// Its code.
    pub code: Code,
    /// A sentence for the caller: what is wrong, what to do.
    pub detail: Cow<'static, str>,
    /// What is wrong with which field.
    pub fields: Vec<FieldError>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// What caused it: logged, never sent.
    pub cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

// === impl Problem ===

impl Problem {
    /// A problem with the kind of its code.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: code.kind(),
            code,
            detail: detail.into(),
            fields: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// A problem whose detail is what its code means.
    pub fn of(code: Code) -> Self {
        Self::new(code, code.meaning())
    }

    /// A field that is not acceptable (422).
    pub fn invalid(pointer: &str, code: &str, detail: impl Into<String>) -> Self {
        Self::new(Code::ValidationFailed, "a field is not acceptable").with_field(pointer, code, detail)
    }

    /// A request that cannot be read (400), with the field if there is one.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::MalformedRequest, detail)
    }

    /// Not there.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(Code::NotFound, what)
    }

    /// Cannot be done now, with the cause for the log.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unavailable, detail).retry_in(Duration::from_secs(1))
    }

    /// Our fault, with the cause for the log.
    pub fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::of(Code::Internal).caused_by(cause)
    }

    /// Adds a field.
    #[must_use]
    pub fn with_field(mut self, pointer: &str, code: &str, detail: impl Into<String>) -> Self {
        self.fields.push(FieldError { pointer: pointer.into(), code: code.into(), detail: detail.into() });
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_in(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(cause));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {:?} cause: {:?}", self.fields, self.cause)
    }
}

impl std::error::Error for Problem {}
