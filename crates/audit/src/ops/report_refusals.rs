//! Takes counts of what the edge refused into the trail, by events of this service's own log: one entry for each code,
//! source and minute.

use std::net::IpAddr;
use std::sync::Arc;

use denizen_db::Tx;
use denizen_kit::caller::{Caller, Role};
use denizen_kit::cx::{Call, Cx};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::time::Timestamp;

use crate::App;
use crate::error::{Error, Result};
use crate::events::EdgeRefused;

/// How many counts one batch holds at most.
pub(crate) const MOST: usize = 2_000;

/// One count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    /// The code of the answers.
    pub(crate) code: Code,
    /// Where the callers came from; none for those that were counted together.
    pub(crate) ip: Option<IpAddr>,
    /// How many.
    pub(crate) count: i64,
    /// When the minute began.
    pub(crate) minute: Timestamp,
}

/// Records the counts. For the gateway only.
pub(crate) async fn report_refusals(app: &App, cx: &Cx, refusals: &[Refusal]) -> Result<(), Problem> {
    cx.require_service(&[Role::Gateway])?;
    let mut tx = app.db.write_relaxed("writes events only").await.map_err(Error::from)?;
    for refusal in refusals {
        emit(&mut tx, cx, refusal);
    }
    tx.commit().await.map_err(Error::from)?;
    Ok(())
}

/// The event is by an anonymous caller from that address: who was refused is known to nobody.
fn emit(tx: &mut Tx, cx: &Cx, refusal: &Refusal) {
    let Refusal { code, ip, count, minute } = *refusal;
    let call = Call { caller: Caller::service(Role::Gateway), ip, ..Call::clone(cx.call()) };
    let source = Cx::new(Arc::new(call), cx.clock().clone());
    tx.emit(&source, EdgeRefused { code: code.as_str(), count, minute });
}
