//! What the stories share.

use denizen_testkit::{Cluster, Topology};

/// Runs a story on every topology that can run here.
pub(crate) async fn everywhere(story: impl AsyncFn(&mut Cluster)) {
    for topology in Topology::available() {
        println!("--- {topology:?}");
        let mut cluster = Cluster::start(topology).await;
        story(&mut cluster).await;
        cluster.stop().await;
    }
}
