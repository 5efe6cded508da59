//! Knowing the devices of a person again, so that they are told of a new one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_db::Tx;
use denizen_kit::cx::Cx;
use denizen_kit::time::elapsed;

use crate::App;
use crate::error::Result;
use crate::events::NewDevice;
use crate::model::{Session, device};
use crate::store;

/// How long until it is noted again that a device was seen, so that most logins write nothing here.
const NOTED_EVERY: Duration = Duration::from_secs(86_400);

/// Remembers the device of a new session within its transaction, and tells of it when it is new. The first of all is
/// not told: it is the one by which the account was made.
pub(super) async fn recognise(app: &App, cx: &Cx, tx: &mut Tx, session: &Session) -> Result<()> {
    if !app.config.login_alerts {
        return Ok(());
    }
    let (user_id, now) = (session.user_id, cx.now());
    let user_agent = cx.call().user_agent.as_deref().unwrap_or_default();
    let digest = device(&app.keys.devices, user_id, user_agent, cx.call().ip);
    match store::device_seen_at(tx, user_id, &digest).await? {
        Some(seen_at) if elapsed(seen_at, now) < NOTED_EVERY => return Ok(()),
        None if store::has_devices(tx, user_id).await? => {
            let text = |sealed: &Option<Vec<u8>>| sealed.as_ref().map(|bytes| STANDARD.encode(bytes));
            let (ip_sealed, user_agent_sealed) = (text(&session.ip_sealed), text(&session.user_agent_sealed));
            tx.emit(cx, NewDevice { user_id, session_id: session.id, ip_sealed, user_agent_sealed });
        }
        Some(_) | None => {}
    }
    store::remember_device(tx, user_id, &digest, now).await
}
