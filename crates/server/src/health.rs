//! What the gateway says of the whole: the databases of the services here, an answer from those elsewhere.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use denizen_db::Db;
use denizen_gateway::{Check, Health};
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::time::Clock;
use denizen_rpc::events::internal::v1::EventsRequest;
use denizen_rpc::{Link, Links};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(2);

/// The checks of all six services.
pub(crate) fn checks(databases: &HashMap<Role, Db>, links: &Links, clock: &Clock) -> Health {
    let (databases, links, clock) = (databases.clone(), links.clone(), clock.clone());
    let roles: Vec<Role> = Role::ALL.into_iter().filter(|role| *role != Role::Gateway).collect();
    Arc::new(move || {
        let (databases, links, clock, roles) =
            (databases.clone(), links.clone(), clock.clone(), roles.clone());
        Box::pin(async move {
            let checks =
                roles.into_iter().map(|role| check(role, databases.get(&role).cloned(), &links, &clock));
            futures::future::join_all(checks).await
        })
    })
}

async fn check(role: Role, db: Option<Db>, links: &Links, clock: &Clock) -> Check {
    let answer = tokio::time::timeout(LIMIT, async {
        match (db, links.link(role)) {
            (Some(db), _) => db.ping().await.map_err(|error| {
                // Anybody may ask for health: what the database said stays in the log.
                tracing::warn!(%role, %error, "a database does not answer");
                "its database does not answer".to_owned()
            }),
            (None, Link::Absent) => Err(format!("runs in no known process; set services.{role}.url")),
            (None, _) => ask(role, links, clock).await,
        }
    });
    let answer = answer.await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
    Check { name: role.to_string(), ok: answer.is_ok(), detail: answer.err().unwrap_or_default() }
}

/// One read of the service's event log: it needs the process and its database.
async fn ask(role: Role, links: &Links, clock: &Clock) -> Result<(), String> {
    let request = EventsRequest { producer: role.to_string(), after_seq: i64::MAX - 1, limit: 1 };
    let cx = Cx::job(Role::Gateway, clock);
    links.event_log(role, &cx).events(request).await.map(drop).map_err(|_| "it cannot be reached".to_owned())
}
