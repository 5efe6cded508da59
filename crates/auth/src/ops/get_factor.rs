//! View the second factor of an account: one's own, or another's with users:write, which leaves an entry.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::auth::v1 as p;
use denizen_rpc::decode;

use super::permit::permit;
use crate::App;
use crate::error::Result;
use crate::events::FactorViewed;
use crate::model::Channel;
use crate::store;

/// What there is, without the codes.
pub(crate) async fn get_factor(app: &App, cx: &Cx, user_id: UserId) -> Result<p::Factor> {
    permit(app, cx, cx.require_self_or(user_id, Permission::UsersWrite)).await?;
    let mut tx = app.db.read().await?;
    let factor = store::factor(&mut tx, user_id).await?;
    let left = store::recovery_codes_left(&mut tx, user_id).await?;
    drop(tx);
    if !cx.is_self(user_id) {
        tell(app, cx, user_id).await?;
    }
    let wire = |channel: Option<Channel>| channel.map_or(0, |channel| channel.to_wire().into());
    Ok(p::Factor {
        enabled: factor.enabled.is_some(),
        channel: wire(factor.channel()),
        enabled_at: factor.enabled.map(|(_, at)| decode::to_wire(at)),
        pending_channel: wire(factor.open_pending(cx.now()).map(|pending| pending.channel)),
        recovery_codes_left: i32::try_from(left).unwrap_or(i32::MAX),
    })
}

async fn tell(app: &App, cx: &Cx, user_id: UserId) -> Result<()> {
    app.db
        .run(cx, || async {
            let mut tx = app.db.write_relaxed("writes an event only").await?;
            tx.emit(cx, FactorViewed { user_id });
            tx.commit().await?;
            Ok::<(), Problem>(())
        })
        .await?;
    Ok(())
}
