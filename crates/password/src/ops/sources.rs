//! The guard by source: failures from an address or its subnet, of whatever accounts. Too many shut the source out.

use std::net::IpAddr;

use denizen_db::Tx;
use denizen_kit::cx::Cx;
use denizen_kit::time::after;

use crate::App;
use crate::error::Result;
use crate::events::IpBlocked;
use crate::model::Network;
use crate::store::blocks::{self, Block};

/// Why the guard shuts a source out.
const REASON: &str = "too many failed logins";

/// A network whose failures are counted.
#[derive(Clone, Debug)]
struct Counted {
    key: Vec<u8>,
    network: Network,
    /// Failures that shut it out; 0 for never.
    most: i64,
}

/// The networks that a try is counted under.
#[derive(Clone, Debug)]
pub(super) struct Sources(Vec<Counted>);

// === impl Sources ===

impl Sources {
    /// Those of an address; none where it may stand for everybody.
    pub(super) fn of(app: &App, source: &str) -> Self {
        let around = source.parse::<IpAddr>().ok().and_then(Network::around);
        let Some((client, subnet)) = around else { return Self(Vec::new()) };
        let limits = &app.config.sources;
        let counted = |network: Network, most: i64| Counted {
            key: app.keys.guard_source(&network.to_string()),
            network,
            most,
        };
        let both = [counted(client, limits.client_failures), counted(subnet, limits.subnet_failures)];
        Self(both.into_iter().filter(|counted| counted.most > 0).collect())
    }

    /// Whether nothing is counted.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts a failure, and shuts out what has too many; true when something was.
    pub(super) async fn count(&self, app: &App, cx: &Cx, tx: &mut Tx) -> Result<bool> {
        let mut has_blocked = false;
        for counted in &self.0 {
            let failures =
                blocks::count_source(tx, &counted.key, cx.now(), app.config.sources.window).await?;
            if failures >= counted.most {
                blocks::forget_source(tx, &counted.key).await?;
                has_blocked |= shut_out(app, cx, tx, &counted.network).await?;
            }
        }
        Ok(has_blocked)
    }
}

async fn shut_out(app: &App, cx: &Cx, tx: &mut Tx, network: &Network) -> Result<bool> {
    let block = Block {
        id: cx.uuid(),
        cidr: network.to_string(),
        reason: REASON.to_owned(),
        automatic: true,
        created_by: None,
        created_at: cx.now(),
        until: Some(after(cx.now(), app.config.sources.block_for)),
    };
    if !blocks::insert(tx, &block).await? {
        return Ok(false);
    }
    tx.emit(cx, IpBlocked { block_id: block.id, automatic: true, until: block.until });
    Ok(true)
}
