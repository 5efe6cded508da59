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
    #[error("the account is deleted")]
    Deleted,
    #[error("no such role")]
    NoSuchRole,
    #[error("a role of this name is there")]
    RoleTaken,
    #[error("the role comes with the system")]
    RoleBuiltIn,
    #[error("accounts have the role")]
    RoleInUse,
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
    #[error("an erasure was begun and is not complete")]
    ErasureUnderWay(#[source] Problem),
    #[error("no such archive")]
    NoSuchExport,
    #[error("the token does not open this archive")]
    ExportTokenInvalid,
    #[error(transparent)]
    Store(#[from] denizen_storage::Error),
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
                format!("there is no role {role:?}; GET /admin/roles lists those that there are"),
            ),
            Error::Deleted => {
                Problem::new(Code::Conflict, "the account is deleted; activate it first to restore it")
            }
            Error::NoSuchRole => Problem::not_found("there is no role of this name"),
            Error::RoleTaken => {
                Problem::new(Code::Conflict, "a role of this name is there; choose another name, or change it")
            }
            Error::RoleBuiltIn => {
                Problem::new(Code::Conflict, "this role comes with the system; make one of your own instead")
            }
            Error::RoleInUse => Problem::new(Code::Conflict, "accounts have this role; take it from them first"),
            Error::StepUpRequired => Problem::of(Code::StepUpRequired),
            Error::WrongPassword => {
                Problem::invalid("/password", "incorrect", "the password is not right; try again")
            }
            Error::CodeInvalid => Problem::of(Code::CodeInvalid),
            Error::TokenInvalid | Error::ExportTokenInvalid => Problem::of(Code::TokenInvalid),
            Error::ErasureUnderWay(cause) => Problem::unavailable(
                "the account is gone and the rest of the erasure goes on by itself; repeat the request for the certificate",
            )
            .caused_by(cause),
            Error::NoSuchExport => {
                Problem::not_found("there is no such archive for this caller; archives go after their time")
            }
            Error::Store(error) => error.into(),
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
        "roles.pkey" => Error::RoleTaken.into(),
        "users.mobile_index" => {
            Problem::of(Code::MobileTaken).with_field("/mobile", "taken", "another account has this number")
        }
        _ => db::Error::Duplicate(place.to_owned()).into(),
    }
}
