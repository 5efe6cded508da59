//! Queue a message that a service wants sent, to a person or an address. Nothing is sent within the call.

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::problem_from;
use denizen_rpc::users::internal::v1::{LookupRequest, lookup_request::By};

use crate::App;
use crate::custom::seal;
use crate::error::Result;
use crate::events::NotificationRequested;
use crate::model::{Channel, MessageId};
use crate::store::notifications::{self, Sent};
use crate::wish::{Recipient, Wish};

/// A message that can be queued.
pub struct Prepared {
    id: MessageId,
    channel: Channel,
    /// None when the address belongs to no account.
    reader: Option<UserId>,
    content: Vec<u8>,
}

/// Finds out to whom a wish goes, and seals its words to them. Who may send is asked before.
pub async fn prepare(app: &App, cx: &Cx, wish: &Wish) -> Result<Prepared> {
    let reader = find_reader(app, cx, wish).await?;
    let id = cx.id();
    let content = seal(app, cx, (id, reader), &wish.content).await?;
    Ok(Prepared { id, channel: wish.channel, reader, content })
}

/// An address that belongs to an account goes with that account, in erasure too.
async fn find_reader(app: &App, cx: &Cx, wish: &Wish) -> Result<Option<UserId>> {
    let by = match (&wish.recipient, wish.channel) {
        (Recipient::Account(user_id), _) => By::UserId(user_id.to_string()),
        (Recipient::Address(address), Channel::Email) => By::Email(address.clone()),
        (Recipient::Address(address), Channel::Sms) => By::Mobile(address.clone()),
        (Recipient::Address(_), Channel::Push) => return Ok(None),
    };
    let answer =
        app.links.directory(cx).lookup(LookupRequest { by: Some(by) }).await.map_err(problem_from)?;
    let found = answer.into_inner().user.and_then(|user| user.id.parse().ok());
    if found.is_none() && matches!(wish.recipient, Recipient::Account(_)) {
        return Err(Problem::invalid("/user_id", "unknown", "there is no account with this id").into());
    }
    Ok(found)
}

/// Queues it.
pub async fn send_notification(app: &App, cx: &Cx, prepared: &Prepared) -> Result<MessageId> {
    cx.require(Permission::NotificationsSend)?;
    let Prepared { id, channel, reader, content } = prepared;
    let sender = cx.person().map(|person| person.user_id);
    let sent = Sent { id: *id, user_id: *reader, channel: *channel, content, sender };
    // Random, so that no two messages of the API share a number.
    let number = i64::from_le_bytes(cx.random()) & i64::MAX;

    let mut tx = app.db.write().await?;
    notifications::insert(&mut tx, &sent, number, cx.now()).await?;
    tx.emit(cx, NotificationRequested { user_id: *reader, notification_id: *id, channel: channel.as_str() });
    tx.commit().await?;
    Ok(*id)
}
