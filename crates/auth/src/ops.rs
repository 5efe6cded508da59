//! What the service can do: one operation per file, and the steps that several of them share.

mod check_session;
mod end_other_sessions;
mod end_session;
mod end_user_sessions;
mod get_jwks;
mod list_sessions;
mod login;
mod login_with_otp;
mod logout;
mod refresh;
mod step_up;
mod validate_token;
mod watch_revocations;

mod ending;
mod failure;
mod opening;
mod signing;

pub(crate) use check_session::check_session;
pub(crate) use end_other_sessions::end_other_sessions;
pub(crate) use end_session::end_session;
pub(crate) use end_user_sessions::end_user_sessions;
pub(crate) use get_jwks::get_jwks;
pub(crate) use list_sessions::{Page, list_sessions};
pub(crate) use login::login;
pub(crate) use login_with_otp::login_with_otp;
pub(crate) use logout::logout;
pub(crate) use refresh::refresh;
pub(crate) use signing::load_signing_key;
pub(crate) use step_up::step_up;
pub(crate) use validate_token::validate_token;
pub(crate) use watch_revocations::watch_revocations;
