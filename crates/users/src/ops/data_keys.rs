//! The data keys of people, for a service that keeps something about them.

use std::collections::HashMap;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::seal::Key;

use crate::App;
use crate::error::Result;
use crate::leases::Destroyed;

/// How many one call may ask for.
const MOST: usize = 500;

/// The keys, and whose were destroyed after an epoch that the asker knows; unknown and erased people are left out.
pub(crate) async fn data_keys(
    app: &App,
    cx: &Cx,
    ids: &[UserId],
    after: i64,
) -> Result<(HashMap<UserId, Key>, Destroyed)> {
    cx.require_service(&[Role::Auth, Role::Password, Role::Otp, Role::Notify, Role::Audit])?;
    if ids.len() > MOST {
        return Err(Problem::malformed("at most 500 keys at once").into());
    }
    app.keys.lend(ids, after).await
}
