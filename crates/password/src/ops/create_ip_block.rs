//! Keep an address or a network out of every route but health.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::time::Timestamp;

use crate::App;
use crate::error::{Error, Result};
use crate::events::IpBlocked;
use crate::model::{BadNetwork, Network};
use crate::store::blocks::{self, Block};

/// Most characters of a reason.
const LONGEST_REASON: usize = 500;

/// Which network, why, until when.
pub(crate) struct NewBlock {
    pub(crate) cidr: String,
    pub(crate) reason: String,
    pub(crate) until: Option<Timestamp>,
}

pub(crate) async fn create_ip_block(app: &App, cx: &Cx, new: &NewBlock) -> Result<Block> {
    cx.require(Permission::IpsManage)?;
    let network = Network::parse(&new.cidr).map_err(refusal)?;
    let reason = new.reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(Error::Unacceptable("/reason", "out_of_range", "give a reason of 1 to 500 characters"));
    }
    if new.until.is_some_and(|until| until <= cx.now()) {
        return Err(Error::Unacceptable("/until", "in_the_past", "give a time to come, or leave until out"));
    }
    if cx.call().ip.is_some_and(|ip| network.contains(ip)) {
        return Err(Error::OwnAddress);
    }
    let block = Block {
        id: cx.uuid(),
        cidr: network.to_string(),
        reason: reason.to_owned(),
        automatic: false,
        created_by: cx.person().map(|person| person.user_id),
        created_at: cx.now(),
        until: new.until,
    };
    let mut tx = app.db.write().await?;
    if !blocks::insert(&mut tx, &block).await? {
        return Err(Error::BlockedAlready);
    }
    tx.emit(cx, IpBlocked { block_id: block.id, automatic: false, until: block.until });
    tx.commit().await?;
    Ok(block)
}

fn refusal(bad: BadNetwork) -> Error {
    match bad {
        BadNetwork::Malformed => Error::Unacceptable(
            "/cidr",
            "invalid_format",
            "give an address or a network such as 192.0.2.0/24 or 2001:db8::/48",
        ),
        BadNetwork::TooBroad => Error::Unacceptable(
            "/cidr",
            "too_broad",
            "a network of IPv4 needs at least 8 bits and one of IPv6 16; name smaller ones",
        ),
    }
}
