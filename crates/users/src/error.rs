//! What can go wrong in users.

use denizen_db as db;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal;
use thiserror::Error;

/// Result of an op of users.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in users.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("no such user")]
    NoSuchUser,
    #[error("the account has no data key")]
    NoDataKey,
    #[error("the last administrator must stay")]
    LastAdministrator,
    #[error("unknown role {0}")]
    UnknownRole(String),
    #[error("a sensitive change needs a fresh proof")]
    StepUpRequired,
    #[error("the password is not right")]
    WrongPassword,
    #[error("the code does not prove this address")]
    CodeInvalid,
    #[error("the link does not prove this address")]
    TokenInvalid,
    #[error(transparent)]
    Sealed(#[from] seal::Error),
    #[error(transparent)]
    Db(#[from] db::Error),
    #[error(transparent)]
    Problem(#[from] Problem),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NoSuchUser => Problem::not_found("there is no such account for this caller"),
            Error::LastAdministrator => Problem::new(
                Code::Conflict,
                "this is the last administrator; make another account an administrator first",
            ),
            Error::UnknownRole(role) => Problem::invalid(
                "/roles",
                "unknown",
                format!("there is no role {role:?}; user, support, admin, service"),
            ),
            Error::StepUpRequired => Problem::of(Code::StepUpRequired),
            Error::WrongPassword => {
                Problem::invalid("/password", "incorrect", "the password is not right; try again")
            }
            Error::CodeInvalid => Problem::of(Code::CodeInvalid),
            Error::TokenInvalid => Problem::of(Code::TokenInvalid),
            Error::Db(db::Error::Duplicate(place)) => taken(&place),
            Error::Db(error) => error.into(),
            Error::Problem(problem) => problem,
            Error::NoDataKey | Error::Sealed(_) => Problem::internal(error),
        }
    }
}

fn taken(place: &str) -> Problem {
    match place {
        "users.email_index" => Problem::of(Code::EmailTaken).with_field(
            "/email",
            "taken",
            "another account has this address; log in or reset the password",
        ),
        "users.username_key" => Problem::of(Code::UsernameTaken).with_field(
            "/username",
            "taken",
            "another account has this user name, or one that looks the same; choose another",
        ),
        "users.mobile_index" => {
            Problem::of(Code::MobileTaken).with_field("/mobile", "taken", "another account has this number")
        }
        _ => db::Error::Duplicate(place.to_owned()).into(),
    }
}
