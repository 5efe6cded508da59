//! What the stories share.

use denizen_testkit::{Client, Cluster, Options, PASSWORD, Topology, eventually};

/// The address of the first administrator.
pub(crate) const ADMIN: &str = "admin@example.test";

/// Runs a story on every topology that can run here.
pub(crate) async fn everywhere(story: impl AsyncFn(&mut Cluster)) {
    for topology in Topology::available() {
        println!("--- {topology:?}");
        let mut cluster = Cluster::start(topology).await;
        story(&mut cluster).await;
        cluster.stop().await;
    }
}

/// Runs a story with an administrator on every topology.
pub(crate) async fn with_admin(story: impl AsyncFn(&Cluster, &Client)) {
    with_admin_and(&[], story).await;
}

/// The same under more settings.
pub(crate) async fn with_admin_and(more: &[(&'static str, &str)], story: impl AsyncFn(&Cluster, &Client)) {
    for topology in Topology::available() {
        println!("--- {topology:?}");
        let own = [("admin.email", ADMIN), ("admin.password", PASSWORD)];
        let settings = own.iter().chain(more).map(|(key, value)| (*key, (*value).to_owned())).collect();
        let cluster = Cluster::with(topology, Options { settings, clock: None }).await;
        eventually("the administrator", || async { cluster.has_account(ADMIN).await.then_some(()) }).await;
        let (admin, _) = cluster.client().login(ADMIN).await;
        story(&cluster, &admin).await;
        cluster.stop().await;
    }
}
