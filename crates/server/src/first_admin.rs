//! The first administrator: from the settings at the first start, or by the command `admin create`.

use std::sync::Arc;
use std::time::Duration;

use denizen_kit::caller::{Caller, Role};
use denizen_kit::cx::{Call, Cx, DEFAULT_DEADLINE};
use denizen_kit::problem::{Code, Kind, Problem};
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Deadline};
use denizen_rpc::users::internal::v1::{LookupRequest, lookup_request};
use denizen_rpc::users::v1::{CreateUserRequest, RegisterRequest, User};
use denizen_rpc::{Links, problem_from};

use crate::config::Config;

/// The account that is to administrate.
#[derive(Clone, Debug)]
pub(crate) struct NewAdmin {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) username: Option<String>,
    pub(crate) password: String,
}

/// Pause before another try, while a service that this needs is not there.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes the administrator of the settings, unless their address has an account. What other services are needed for
/// may start later than this one: then it is tried again beside the calls. Any other failure is told, and the node goes
/// on: the settings can be mended and the node started again.
pub(crate) async fn ensure(config: &Config, links: &Links, clock: &Clock, tasks: &Tasks) {
    let Some((email, password)) = config.admin.clone() else { return };
    if !config.roles.has(Role::Users) {
        return;
    }
    let admin = NewAdmin { name: "Administrator".to_owned(), email, username: None, password };
    if !try_once(links, clock, &admin).await {
        let (links, clock) = (links.clone(), clock.clone());
        tasks.spawn_until_stopped("admin", async move {
            while !try_once(&links, &clock, &admin).await {
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
}

/// Whether there is nothing left to do.
async fn try_once(links: &Links, clock: &Clock, admin: &NewAdmin) -> bool {
    let cx = Cx::job(Role::Operator, clock);
    let by = lookup_request::By::Email(admin.email.clone());
    let known = links.directory(&cx).lookup(LookupRequest { by: Some(by) }).await;
    if known.is_ok_and(|answer| answer.into_inner().user.is_some()) {
        return true;
    }
    match create(links, admin.clone()).await {
        Ok(user) => tracing::info!(user.id = user.id, "the first administrator was made"),
        Err(problem) if problem.code == Code::EmailTaken => {}
        Err(problem) if matches!(problem.kind, Kind::Unavailable | Kind::Timeout) => return false,
        Err(problem) => tracing::error!(%problem, "the administrator of admin.email could not be made"),
    }
    true
}

/// Makes an administrator's account as the operator.
pub(crate) async fn create(links: &Links, admin: NewAdmin) -> Result<User, Problem> {
    let call = Call {
        caller: Caller::service(Role::Operator),
        request_id: Arc::from("admin-create"),
        ip: None,
        user_agent: None,
        trace: None,
        deadline: Deadline::within(DEFAULT_DEADLINE),
        idempotency: None,
    };
    let account = RegisterRequest {
        name: admin.name,
        email: admin.email,
        username: admin.username,
        password: admin.password,
        ..RegisterRequest::default()
    };
    let request = CreateUserRequest {
        account: Some(account),
        roles: vec!["user".to_owned(), "admin".to_owned()],
        email_verified: true,
        ..CreateUserRequest::default()
    };
    let created = links.users(&Arc::new(call)).create_user(request).await;
    created.map(tonic::Response::into_inner).map_err(problem_from)
}
