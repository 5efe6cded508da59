//! Claim passwords: says that their accounts exist now, so that none is swept.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;

use super::put_credentials::require_few;
use crate::App;
use crate::error::Result;
use crate::store;

pub(crate) async fn claim_credentials(app: &App, cx: &Cx, user_ids: &[UserId]) -> Result<()> {
    cx.require_service(&[Role::Users])?;
    require_few("/user_ids", user_ids.len())?;
    let write = || async {
        let mut tx = app.db.write().await?;
        store::confirm_all(&mut tx, user_ids, cx.now()).await?;
        tx.commit().await?;
        Ok(())
    };
    Ok(app.db.run(cx, write).await?)
}
