//! The ring of data keys: what is held, for how long, and that nothing destroyed is used.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::time::Clock;
use denizen_rpc::users::internal::v1 as wire;
use denizen_rpc::users::internal::v1::directory_server::{Directory, DirectoryServer};
use denizen_rpc::{KeyRing, Link, Links, Services};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::support::signer;

const ADA: &str = "0192aa00-0000-7000-8000-00000000000a";
const BOB: &str = "0192aa00-0000-7000-8000-00000000000b";
const LONG: Duration = Duration::from_secs(3600);

/// What users knows, and what it was asked.
#[derive(Default)]
struct State {
    keys: BTreeMap<String, u8>,
    epoch: i64,
    destroyed: Vec<(i64, String)>,
    drop_all: bool,
    /// Answers as of the epoch before, as a question does whose answer is late.
    is_late: bool,
    asked: Vec<Vec<String>>,
}

#[derive(Clone, Default)]
struct Users(Arc<Mutex<State>>);

impl Users {
    fn new() -> Self {
        let keys = BTreeMap::from([(ADA.to_owned(), 1), (BOB.to_owned(), 2)]);
        Self(Arc::new(Mutex::new(State { keys, epoch: 1, ..State::default() })))
    }

    fn destroy(&self, user_id: &str) {
        let mut state = self.0.lock().unwrap();
        state.keys.remove(user_id);
        state.epoch += 1;
        let epoch = state.epoch;
        state.destroyed.push((epoch, user_id.to_owned()));
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    fn ring(&self, lease: Duration) -> KeyRing {
        let services = Services::new();
        let mut routes = Routes::builder();
        routes.add_service(DirectoryServer::new(self.clone()));
        services.fill(routes.routes());
        let table = Arc::new(HashMap::from([(Role::Users, Link::Local(services))]));
        KeyRing::with_lease(Links::new(Role::Auth, table, signer([1; 32])), lease)
    }

    /// The people whose keys were asked for, question by question.
    fn asked(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }
}

#[tonic::async_trait]
impl Directory for Users {
    async fn lookup(
        &self,
        _: Request<wire::LookupRequest>,
    ) -> Result<Response<wire::LookupResponse>, Status> {
        Ok(Response::new(wire::LookupResponse::default()))
    }

    async fn get_contact(
        &self,
        _: Request<wire::GetContactRequest>,
    ) -> Result<Response<wire::Contact>, Status> {
        Ok(Response::new(wire::Contact::default()))
    }

    async fn prove_mailbox(
        &self,
        _: Request<wire::ProveMailboxRequest>,
    ) -> Result<Response<wire::ProveMailboxResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn data_keys(
        &self,
        request: Request<wire::DataKeysRequest>,
    ) -> Result<Response<wire::DataKeysResponse>, Status> {
        let wire::DataKeysRequest { user_ids, epoch } = request.into_inner();
        let mut state = self.0.lock().unwrap();
        state.asked.push(user_ids.clone());
        let key = |user_id: String| {
            let byte = state.keys.get(&user_id).copied()?;
            Some(wire::DataKey { user_id, key: vec![byte; 32] })
        };
        let since = |(at, user_id): &(i64, String)| (epoch > 0 && *at > epoch).then(|| user_id.clone());
        Ok(Response::new(wire::DataKeysResponse {
            keys: user_ids.into_iter().filter_map(key).collect(),
            epoch: state.epoch - i64::from(state.is_late),
            destroyed: if state.is_late {
                Vec::new()
            } else {
                state.destroyed.iter().filter_map(since).collect()
            },
            drop_all: state.drop_all,
        }))
    }
}

fn id(text: &str) -> UserId {
    text.parse().unwrap()
}

fn cx() -> Cx {
    Cx::job(Role::Auth, &Clock::System)
}

async fn has(ring: &KeyRing, user_id: &str) -> bool {
    ring.get(&cx(), id(user_id)).await.unwrap().is_some()
}

#[tokio::test]
async fn within_a_lease_nobody_is_asked() {
    let users = Users::new();
    let ring = users.ring(LONG);
    assert!(has(&ring, ADA).await && has(&ring, ADA).await);
    assert_eq!(users.asked(), [[ADA]]);
    assert!(has(&ring, BOB).await);
    assert_eq!(users.asked(), [[BOB]], "what is held is not asked for again");
    assert!(!has(&ring, "0192aa00-0000-7000-8000-00000000000c").await);
}

#[tokio::test]
async fn without_a_lease_a_destroyed_key_is_not_used() {
    let users = Users::new();
    let ring = users.ring(Duration::ZERO);
    assert!(has(&ring, ADA).await && has(&ring, BOB).await);
    users.asked();
    assert!(has(&ring, ADA).await);
    assert_eq!(users.asked(), [Vec::<String>::new()], "asks what was destroyed, for no key");
    users.destroy(ADA);
    assert!(!has(&ring, ADA).await);
    users.asked();
    assert!(has(&ring, BOB).await);
    assert_eq!(users.asked(), [Vec::<String>::new()], "the others stay");
}

#[tokio::test]
async fn a_key_of_an_older_epoch_is_not_held() {
    let users = Users::new();
    let ring = users.ring(LONG);
    assert!(has(&ring, BOB).await);
    users.destroy("0192aa00-0000-7000-8000-00000000000c");
    users.destroy("0192aa00-0000-7000-8000-00000000000d");
    let unknown = "0192aa00-0000-7000-8000-00000000000e";
    assert!(!has(&ring, unknown).await, "now the ring knows the present epoch");
    users.change(|state| state.is_late = true);
    assert!(has(&ring, ADA).await, "the answer itself is good");
    users.change(|state| state.is_late = false);
    users.asked();
    assert!(has(&ring, ADA).await);
    assert_eq!(users.asked(), [[ADA]], "it was not held");
    assert!(has(&ring, ADA).await);
    assert_eq!(users.asked(), Vec::<Vec<String>>::new(), "now it is");
}

#[tokio::test]
async fn all_is_dropped_when_too_much_was_destroyed() {
    let users = Users::new();
    let ring = users.ring(Duration::ZERO);
    assert!(has(&ring, ADA).await && has(&ring, BOB).await);
    users.change(|state| {
        state.keys.remove(ADA);
        state.epoch += 1000;
        state.drop_all = true;
    });
    let keys = ring.get_many(&cx(), &[id(ADA), id(BOB)]).await.unwrap();
    assert!(!keys.contains_key(&id(ADA)) && keys.contains_key(&id(BOB)));
}
