//! Takes events of another service: queues the messages that follow and moves the cursor on, in one transaction.

use denizen_db::{Tx, cursor};
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_rpc::events::internal::v1::Event;

use crate::App;
use crate::draft::{Effect, effect};
use crate::error::Result;
use crate::store::{self, Origin};

/// Takes the events; those that have taken effect before are passed over. Wakes the senders.
pub async fn take_events(app: &App, cx: &Cx, producer: Role, events: &[Event]) -> Result<()> {
    let Some(last) = events.last() else { return Ok(()) };
    let effects: Vec<(i64, Effect)> =
        events.iter().map(|event| (event.seq, effect(producer, event))).collect();
    app.db
        .run(cx, || async {
            let mut tx = app.db.write().await?;
            let position = cursor::position(&mut tx, producer.as_str()).await?;
            for (seq, effect) in effects.iter().filter(|(seq, _)| *seq > position) {
                apply(&mut tx, cx, Origin { producer: producer.as_str(), seq: *seq }, effect).await?;
            }
            cursor::advance(&mut tx, producer.as_str(), last.seq).await?;
            Ok(tx.commit().await?)
        })
        .await?;
    for (_, effect) in &effects {
        if let Effect::Forget(user_id) = effect {
            app.keys.ring.forget(*user_id);
        }
    }
    app.ring();
    Ok(())
}

async fn apply(tx: &mut Tx, cx: &Cx, origin: Origin, effect: &Effect) -> denizen_db::Result<()> {
    match effect {
        Effect::Send(drafts) => {
            for draft in drafts {
                store::insert_message(tx, cx.id(), draft, origin, cx.now()).await?;
            }
            Ok(())
        }
        Effect::Forget(user_id) => store::forget(tx, *user_id).await,
    }
}
