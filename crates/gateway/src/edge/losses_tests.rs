use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use denizen_kit::caller::{Permissions, Person, Role};
use denizen_kit::id::UserId;
use denizen_kit::seal::Key;
use denizen_kit::time::{Clock, Timestamp};
use denizen_rpc::auth::internal::v1 as auth;
use denizen_rpc::auth::internal::v1::sessions_server::{Sessions, SessionsServer};
use denizen_rpc::users::internal::v1 as users;
use denizen_rpc::users::internal::v1::access_server::{Access, AccessServer};
use denizen_rpc::{Link, Links, Reply, Services, Signer};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http::{Method, StatusCode};
use tokio::time::Instant;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::{Loss, OPERATIONS};
use crate::edge::Trust;
use crate::edge::authenticate::Authenticator;

const NOW: i64 = 1_769_857_200;
const SESSION: &str = "0192aa00-0000-7000-8000-0000000000ff";

/// Auth and users: they tell of one loss each, or they say nothing at all.
#[derive(Clone)]
struct Teller {
    is_silent: bool,
    /// How far back auth was asked to look.
    asked: Arc<Mutex<Vec<u32>>>,
}

impl Teller {
    fn tell<T: Send + 'static>(&self, first: T) -> BoxStream<'static, Result<T, Status>> {
        if self.is_silent {
            return stream::pending().boxed();
        }
        stream::once(std::future::ready(Ok(first))).chain(stream::pending()).boxed()
    }
}

#[tonic::async_trait]
impl Sessions for Teller {
    type WatchRevocationsStream = BoxStream<'static, Result<auth::Revocations, Status>>;

    async fn end_user_sessions(
        &self,
        _: Request<auth::EndUserSessionsRequest>,
    ) -> Reply<auth::EndUserSessionsResponse> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn check_session(
        &self,
        _: Request<auth::CheckSessionRequest>,
    ) -> Reply<auth::CheckSessionResponse> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn watch_revocations(
        &self,
        request: Request<auth::WatchRevocationsRequest>,
    ) -> Reply<Self::WatchRevocationsStream> {
        self.asked.lock().unwrap().push(request.get_ref().within_ms);
        let item = auth::Revocation { session_id: SESSION.to_owned(), until: NOW + 60 };
        Ok(Response::new(self.tell(auth::Revocations { items: vec![item], snapshot: false })))
    }
}

#[tonic::async_trait]
impl Access for Teller {
    type WatchAccessStream = BoxStream<'static, Result<users::AccessState, Status>>;

    async fn watch_access(&self, _: Request<users::WatchAccessRequest>) -> Reply<Self::WatchAccessStream> {
        let loss = users::Loss { user_id: UserId::nil().to_string(), roles: vec!["user".to_owned()] };
        let state = users::AccessState {
            changed: true,
            version: 1,
            losses: vec![loss],
            ..users::AccessState::default()
        };
        Ok(Response::new(self.tell(state)))
    }

    async fn check_access(&self, _: Request<users::CheckAccessRequest>) -> Reply<users::CheckAccessResponse> {
        Err(Status::unimplemented("not asked for"))
    }
}

/// A door that follows its streams, before auth and users.
fn door_before(teller: Option<Teller>) -> Authenticator {
    let clock = Clock::manual(Timestamp::from_second(NOW).unwrap());
    let signer = Signer::new(Key::from_bytes([1; 32]), clock.clone());
    let mut table = HashMap::new();
    if let Some(teller) = teller {
        let services = Services::new();
        let mut routes = Routes::builder();
        routes.add_service(SessionsServer::new(teller.clone()));
        routes.add_service(AccessServer::new(teller));
        services.fill(routes.routes());
        table.extend([Role::Auth, Role::Users].map(|role| (role, Link::Local(services.clone()))));
    }
    let links = Links::new(Role::Gateway, Arc::new(table), signer);
    let door = Authenticator::new(links, clock, "https://id.example", Key::from_bytes([3; 32]));
    door.revocations.take(&auth::Revocations::default(), NOW);
    door.access.take(users::AccessState::default());
    door
}

fn supporter() -> Person {
    let roles = ["user", "support"];
    Person {
        user_id: UserId::nil(),
        session_id: None,
        roles: roles.map(str::to_owned).into(),
        permissions: Permissions::of_roles(&roles),
        auth_time: Timestamp::UNIX_EPOCH,
        amr: vec!["pwd".to_owned()],
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_known() {
    let asked: Arc<Mutex<Vec<u32>>> = Arc::default();
    let door = door_before(Some(Teller { is_silent: false, asked: asked.clone() }));
    let session = SESSION.parse().unwrap();
    assert!(!door.revocations.has(session));
    let began = Instant::now();
    tokio::time::advance(Duration::from_millis(7)).await;
    door.catch_up(Loss::Sessions, began).await;
    assert!(door.revocations.has(session));
    assert_eq!(*asked.lock().unwrap(), [28], "since it began, and for as long as the question may take");

    assert_eq!(door.access.narrowed(&supporter()), None);
    door.catch_up(Loss::Roles, Instant::now()).await;
    assert_eq!(door.access.narrowed(&supporter()).unwrap().roles, ["user"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_learned_in_time_is_asked_about() {
    let silent = Teller { is_silent: true, asked: Arc::default() };
    for teller in [Some(silent), None] {
        let door = door_before(teller);
        assert!(door.revocations.trust() == Trust::Fresh && door.access.is_fresh());
        door.catch_up(Loss::Sessions, Instant::now()).await;
        assert_eq!(door.revocations.trust(), Trust::Stale);
        door.catch_up(Loss::Roles, Instant::now()).await;
        assert!(!door.access.is_fresh());
    }
}

#[test]
fn each_operation_that_takes_away_is_there() {
    let paths = crate::faces::rest::paths(&crate::openapi());
    for (method, path, loss) in OPERATIONS {
        let template = format!("/api/v1{path}");
        let is_it = |on: &Method| on.as_str() == method;
        let found = paths.iter().find(|(at, _)| *at == template);
        let method = found.and_then(|(_, methods)| methods.iter().find(|on| is_it(on)));
        let method = method.unwrap_or_else(|| panic!("{path} is no operation of this method"));
        assert_eq!(Loss::of(method, &template), Some(loss));
    }
    assert_eq!(Loss::of(&Method::GET, "/api/v1/users/{id}"), None);
    assert_eq!(Loss::of(&Method::POST, "/auth/logout"), None);
}

#[test]
fn a_refresh_takes_away_when_it_is_refused_and_a_login_when_it_is_not() {
    assert!(Loss::SessionIfDone.may_follow(StatusCode::OK));
    assert!(!Loss::SessionIfDone.may_follow(StatusCode::SERVICE_UNAVAILABLE));
    assert!(Loss::SessionIfRefused.may_follow(StatusCode::UNAUTHORIZED));
    assert!(!Loss::SessionIfRefused.may_follow(StatusCode::OK));
    assert!(Loss::Sessions.may_follow(StatusCode::SERVICE_UNAVAILABLE));
}
