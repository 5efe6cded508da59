//! What the service asks of the others: accounts of users, passwords of password, codes of otp.

use denizen_kit::caller::Permissions;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::otp::internal::v1::{CodeOfIssue, ConsumeRequest, consume_request};
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::password::internal::v1::VerifyCredentialRequest;
use denizen_rpc::problem_from;
use denizen_rpc::users::internal::v1::{CheckAccessRequest, LookupRequest, lookup_request};
use denizen_rpc::users::v1::User;

use crate::App;
use crate::error::{Error, Result};
use crate::model::{Channel, CodeLogin, standing};

/// Somebody's account as users shows it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: UserId,
    pub(crate) user: User,
}

/// What users says of an identifier.
#[derive(Debug)]
pub(crate) struct Found {
    /// Nobody, when there is no such account.
    pub(crate) account: Option<Account>,
    /// Under which name tries are counted.
    pub(crate) identifier_key: Vec<u8>,
}

// === impl Account ===

impl Account {
    /// Lets an account pass that may have tokens.
    pub(crate) fn require_active(&self) -> Result<()> {
        standing(self.user.status()).map_err(Error::Account)
    }
}

/// The account of a login identifier or an id.
pub(crate) async fn lookup(app: &App, cx: &Cx, by: lookup_request::By) -> Result<Found> {
    let request = LookupRequest { by: Some(by) };
    let answer = app.links.directory(cx).lookup(request).await.map_err(problem_from)?.into_inner();
    let account = match answer.user {
        Some(user) => Some(Account { id: user.id.parse().map_err(Problem::internal)?, user }),
        None => None,
    };
    Ok(Found { account, identifier_key: answer.identifier_key })
}

/// The account of an id, if there is one.
pub(crate) async fn account(app: &App, cx: &Cx, user_id: UserId) -> Result<Option<Account>> {
    let by = lookup_request::By::UserId(user_id.to_string());
    Ok(lookup(app, cx, by).await?.account)
}

/// What an account may do by all of its roles, those that administrators made included.
pub(crate) async fn permissions_of(app: &App, cx: &Cx, user_id: UserId) -> Result<Permissions> {
    let request = CheckAccessRequest { user_id: user_id.to_string() };
    let answer = app.links.access(cx).check_access(request).await.map_err(problem_from)?.into_inner();
    Ok(Permissions::from_bits(answer.permissions))
}

/// Whether the password is that of the person; nobody's is none, at the same cost. Tries are counted under
/// `identifier_key`, or under the person when it is empty.
pub(crate) async fn is_password(
    app: &App,
    cx: &Cx,
    user_id: Option<UserId>,
    identifier_key: Vec<u8>,
    password: String,
) -> Result<bool> {
    let request = VerifyCredentialRequest {
        user_id: user_id.map(|id| id.to_string()).unwrap_or_default(),
        password,
        identifier_key,
        source: cx.call().ip.map(|ip| ip.to_string()).unwrap_or_default(),
    };
    let answer = app.links.credentials(cx).verify_credential(request).await.map_err(problem_from)?;
    Ok(answer.into_inner().valid)
}

/// A code that was good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// Whose it was.
    pub(crate) user_id: UserId,
    /// How it travelled.
    pub(crate) channel: Option<Channel>,
}

/// Uses up a code; none when it is not good.
pub(crate) async fn consume_code(
    app: &App,
    cx: &Cx,
    purpose: Purpose,
    proof: &CodeLogin,
) -> Result<Option<Used>> {
    let code = CodeOfIssue { otp_id: proof.otp_id.clone(), code: proof.code.clone() };
    let request =
        ConsumeRequest { purpose: purpose.into(), proof: Some(consume_request::Proof::IssueCode(code)) };
    let answer = app.links.codes(cx).consume(request).await.map_err(problem_from)?.into_inner();
    if !answer.valid {
        return Ok(None);
    }
    let channel = Channel::from_wire(answer.channel());
    Ok(Some(Used { user_id: answer.user_id.parse().map_err(Problem::internal)?, channel }))
}
