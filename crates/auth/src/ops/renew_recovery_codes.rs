//! Replace one's own recovery codes; the old ones end.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;

use super::permit::permit;
use super::proving::prove;
use crate::App;
use crate::error::{Error, Result};
use crate::events::RecoveryCodesRenewed;
use crate::model::RecoveryCode;
use crate::store;

/// Gives new codes, which are shown this once.
pub(crate) async fn renew_recovery_codes(
    app: &App,
    cx: &Cx,
    user_id: UserId,
    password: Option<String>,
) -> Result<Vec<RecoveryCode>> {
    permit(app, cx, cx.require_self(user_id)).await?;
    let factor = store::factor(&mut app.db.single().await?, user_id).await?;
    if factor.enabled.is_none() {
        return Err(Error::NoFactor);
    }
    prove(app, cx, user_id, password, &factor).await?;
    let codes = RecoveryCode::draw(cx);
    let digests: Vec<_> = codes.iter().map(|code| code.digest(&app.keys.recovery, user_id)).collect();
    let renew = || async { Ok::<(), Problem>(renew(app, cx, user_id, &digests).await?) };
    app.db.run(cx, renew).await?;
    Ok(codes)
}

async fn renew(app: &App, cx: &Cx, user_id: UserId, digests: &[Vec<u8>]) -> Result<()> {
    let mut tx = app.db.write().await?;
    if store::factor(&mut tx, user_id).await?.enabled.is_none() {
        return Err(Error::NoFactor);
    }
    store::put_recovery_codes(&mut tx, user_id, digests).await?;
    tx.emit(cx, RecoveryCodesRenewed { user_id });
    tx.commit().await?;
    Ok(())
}
