//! Removes pictures that no account names: what a crash left between object and row, or a store that was away.

use std::time::Duration;

use denizen_kit::cx::Cx;
use denizen_kit::problem::Problem;
use denizen_kit::time::elapsed;

use crate::App;
use crate::error::Result;
use crate::model::picture;
use crate::store;

/// How old a picture must be: a younger one may be about to be named.
const AGE: Duration = Duration::from_secs(3600);

/// How many are looked at between two questions to the store.
const BATCH: usize = 500;

/// Looks at all pictures once.
pub(crate) async fn sweep_avatars(app: &App, cx: &Cx) -> Result<()> {
    let mut after: Option<String> = None;
    loop {
        let objects = app.objects.list("avatars", after.as_deref(), BATCH).await.map_err(Problem::from)?;
        let Some(last) = objects.last() else { return Ok(()) };
        after = Some(last.name.clone());
        for object in objects {
            let Some((user_id, avatar)) = picture::of_object(&object.name) else { continue };
            if elapsed(object.at, cx.now()) < AGE {
                continue;
            }
            let named = store::avatars::of(&mut app.db.single().await?, user_id).await?;
            if named.as_deref() != Some(avatar) {
                app.objects.delete(&object.name).await.map_err(Problem::from)?;
            }
        }
    }
}
