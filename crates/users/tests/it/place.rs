//! Where the service of a test stands: on which engine, and by which way calls go.

use axum::serve::ListenerExt as _;
use denizen_db::{Db, Migration, Secrets};
use denizen_kit::caller::Role;
use denizen_kit::seal::{Key, Root};
use denizen_kit::task::Tasks;
use denizen_rpc::{Link, Services, Signer};
use tokio::net::TcpListener;

/// Where the service of a test stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) engine: Engine,
    pub(crate) way: Way,
}

/// Which engine keeps the data.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Sqlite,
    /// At this address.
    Postgres(String),
}

/// How calls go to the service, and from it to the others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// Within the process.
    Local,
    /// Through a socket, each caller signed and verified.
    Remote,
}

/// Each engine with each link: SQLite, and PostgreSQL when the environment names a server.
#[expect(clippy::disallowed_methods, reason = "a test has no settings file")]
pub(crate) fn places() -> Vec<Place> {
    let server = std::env::var("DENIZEN_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty());
    let engines = [Engine::Sqlite].into_iter().chain(server.map(Engine::Postgres));
    let both = |engine: Engine| [Way::Local, Way::Remote].map(|way| Place { engine: engine.clone(), way });
    engines.flat_map(both).collect()
}

/// The way to the services.
pub(crate) async fn link(
    way: Way,
    services: &Services,
    signer: &Signer,
    roles: &[Role],
    tasks: &Tasks,
) -> Link {
    if matches!(way, Way::Local) {
        return Link::Local(services.clone());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let targets = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let router = axum::Router::new().fallback_service(services.network(signer.clone(), roles.to_vec()));
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    tasks.spawn_until_stopped("test.services", async move { drop(axum::serve(listener, router).await) });
    Link::Remote(denizen_upstream::channel(&targets, tasks))
}

/// A database of its own: a file in the folder, or a schema with a new name.
pub(crate) async fn database(
    engine: &Engine,
    folder: &tempfile::TempDir,
    name: &str,
    steps: &[Migration],
) -> Db {
    let mut suffix = [0; 8];
    denizen_kit::seal::random(&mut suffix);
    let name = format!("{name}_{:016x}", u64::from_be_bytes(suffix));
    let url = match engine {
        Engine::Sqlite => None,
        Engine::Postgres(url) => Some(url.clone()),
    };
    let config =
        denizen_db::Config { url, data_dir: folder.path().to_owned(), fast: true, bulk: false, pool: 4 };
    let root = Root::new(Key::from_bytes([2; 32]));
    let secrets = Secrets { events: root.events(), replies: root.service("users/replies") };
    Db::connect(&config, Box::leak(name.into_boxed_str()), &secrets, steps).await.unwrap()
}
