//! Which addresses are kept out, as password tells it in a stream.
//!
//! While the stream is silent the last list holds: a block is no proof of anything, and a gateway that cannot hear of new
//! ones must not shut out everybody.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Clock;
use denizen_rpc::Links;
use denizen_rpc::password::internal::v1::{BlockedNetworks, WatchIpBlocksRequest};
use tonic::Streaming;

use super::client::Network;
use super::networks::Networks;

/// How long the stream may be silent before it is opened again; password sends a heartbeat every 300 ms.
const SILENCE: Duration = Duration::from_secs(1);

/// How long to wait before the stream is opened again.
const PAUSE: Duration = Duration::from_millis(200);

/// One block: its id, and until when in Unix seconds; 0 for ever.
#[derive(Clone, Debug)]
struct Barrier {
    id: Arc<str>,
    until: i64,
}

/// The addresses that are kept out.
#[derive(Debug, Default)]
pub(crate) struct Barriers(ArcSwap<Networks<Barrier>>);

// === impl Barriers ===

impl Barriers {
    /// Refuses an address that is kept out.
    pub(crate) fn check(&self, ip: Option<IpAddr>, clock: &Clock) -> Result<(), Problem> {
        let barriers = self.0.load();
        let (false, Some(ip)) = (barriers.is_empty(), ip) else { return Ok(()) };
        let now = clock.now().as_second();
        let Some(barrier) = barriers.of(ip).find(|barrier| barrier.holds(now)) else { return Ok(()) };
        let detail = format!(
            "requests from this address are not answered (block {}); ask the operator of this system",
            barrier.id
        );
        Err(Problem::new(Code::Forbidden, detail))
    }

    /// Takes in one message of the stream.
    fn take(&self, message: &BlockedNetworks) {
        if !message.changed {
            return;
        }
        let mut barriers = Networks::default();
        for item in &message.items {
            let Ok(network) = Network::parse(&item.cidr) else { continue };
            barriers.insert(&network, Barrier { id: item.id.as_str().into(), until: item.until });
        }
        self.0.store(Arc::new(barriers));
    }
}

// === impl Barrier ===

impl Barrier {
    const fn holds(&self, now: i64) -> bool {
        self.until == 0 || self.until > now
    }
}

/// Follows the stream until the node stops; opens it again whenever it breaks or falls silent.
pub(crate) async fn follow(links: &Links, clock: &Clock, barriers: &Barriers) {
    let mut was_up = true;
    loop {
        let cx = Cx::job(Role::Gateway, clock);
        match links.ip_block_feed(&cx).watch_ip_blocks(WatchIpBlocksRequest {}).await {
            Ok(stream) => {
                was_up = true;
                read(stream.into_inner(), barriers).await;
                tracing::debug!("the stream of IP blocks ended and is opened again");
            }
            Err(status) if was_up => {
                was_up = false;
                tracing::warn!(
                    detail = status.message(),
                    "IP blocks cannot be followed; the last list that was heard of holds"
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn read(mut stream: Streaming<BlockedNetworks>, barriers: &Barriers) {
    while let Ok(Ok(Some(message))) = tokio::time::timeout(2 * SILENCE, stream.message()).await {
        barriers.take(&message);
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::time::Timestamp;
    use denizen_rpc::password::internal::v1::BlockedNetwork;

    use super::*;

    fn message(changed: bool, items: &[(&str, i64)]) -> BlockedNetworks {
        let item = |(cidr, until): &(&str, i64)| BlockedNetwork {
            id: format!("of {cidr}"),
            cidr: (*cidr).to_owned(),
            until: *until,
        };
        BlockedNetworks { changed, items: items.iter().map(item).collect() }
    }

    fn refused(barriers: &Barriers, ip: &str, now: i64) -> Option<String> {
        let clock = Clock::manual(Timestamp::from_second(now).unwrap());
        let problem = barriers.check(Some(ip.parse().unwrap()), &clock).err()?;
        assert_eq!(problem.code, Code::Forbidden);
        Some(problem.detail.into_owned())
    }

    #[test]
    fn networks_of_all_sizes_hold_until_their_time() {
        let barriers = Barriers::default();
        assert_eq!(refused(&barriers, "192.0.2.9", 10), None);
        let list =
            [("192.0.2.0/24", 0), ("198.51.100.7/32", 100), ("2001:db8::/32", 0), ("203.0.113.0/25", 0)];
        barriers.take(&message(true, &list));
        for blocked in ["192.0.2.9", "::ffff:192.0.2.1", "198.51.100.7", "2001:db8:ffff::1", "203.0.113.127"]
        {
            assert!(refused(&barriers, blocked, 10).is_some(), "{blocked}");
        }
        assert!(refused(&barriers, "192.0.2.9", 10).unwrap().contains("of 192.0.2.0/24"));
        for free in ["192.0.3.9", "198.51.100.8", "2001:db9::1", "203.0.113.128", "::1"] {
            assert_eq!(refused(&barriers, free, 10), None, "{free}");
        }
        assert_eq!(refused(&barriers, "198.51.100.7", 100), None, "it is over");
        assert!(barriers.check(None, &Clock::System).is_ok());
    }

    #[test]
    fn a_heartbeat_changes_nothing_and_a_list_replaces() {
        let barriers = Barriers::default();
        barriers.take(&message(true, &[("192.0.2.0/24", 0)]));
        barriers.take(&message(false, &[]));
        assert!(refused(&barriers, "192.0.2.9", 10).is_some());
        barriers.take(&message(true, &[]));
        assert_eq!(refused(&barriers, "192.0.2.9", 10), None);
    }
}
