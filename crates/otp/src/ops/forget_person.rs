//! Delete all codes of a person who was erased. One with an identifier that nobody has looked up ends by itself.

use denizen_db::{Tx, cursor};
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::events::internal::v1::Event;

use crate::App;
use crate::error::Result;
use crate::model::Purpose;
use crate::store;

/// The service whose events say that somebody was erased.
pub(crate) const PRODUCER: Role = Role::Users;

/// Takes events of users and moves the cursor on, in one transaction; those taken before are passed over.
pub(crate) async fn take_events(app: &App, cx: &Cx, events: &[Event]) -> Result<()> {
    let Some(last) = events.last() else { return Ok(()) };
    app.db
        .run(cx, || async {
            let mut tx = app.db.write().await?;
            let position = cursor::position(&mut tx, PRODUCER.as_str()).await?;
            for event in events.iter().filter(|event| event.seq > position && event.r#type == "user.erased") {
                // An event that cannot be read must not stop the log.
                if let Ok(user_id) = event.subject.parse() {
                    forget_person(app, &mut tx, user_id).await?;
                }
            }
            cursor::advance(&mut tx, PRODUCER.as_str(), last.seq).await?;
            Ok(tx.commit().await?)
        })
        .await?;
    Ok(())
}

/// Deletes all that is held about a person.
pub(super) async fn forget_person(app: &App, tx: &mut Tx, user_id: UserId) -> Result<()> {
    store::forget(tx, user_id).await?;
    for purpose in Purpose::ALL {
        store::drop_cooldown(tx, app.keys.cooldown_of_user(user_id, purpose)).await?;
    }
    Ok(())
}
