//! Delivers one claimed message: writes it, hands it over, and marks how that went. At least once: when the process
//! ends between handing over and marking, it is handed over again under the same id.

use denizen_db::Tx;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_rpc::place;

use crate::compose::{Composed, compose};
use crate::error::Result;
use crate::events::{NotificationDead, NotificationDelivered};
use crate::model::{Channel, Failure, Fate, Halt, Message, mailbox_key, nobody};
use crate::store::{self, Caught};
use crate::{App, Way, mail};

/// A message that was handed over.
struct Delivery {
    /// None when it was to an address that belongs to no account.
    user_id: Option<UserId>,
    /// What goes into the mailbox, together with the mark.
    caught: Option<Caught>,
}

/// Delivers a message, or says when it is tried again.
pub async fn deliver(app: &App, message: &Message) -> Result<()> {
    let cx = Cx::job(Role::Notify, &app.clock);
    let outcome = attempt(app, &cx, message).await;
    // Writing down how it went has its own time, however long the try took.
    let cx = Cx::job(Role::Notify, &app.clock);
    let result = match outcome {
        Ok(delivery) => settle_sent(app, &cx, message, &delivery).await?,
        Err(halt) => {
            let jitter = u64::from_le_bytes(cx.random());
            let fate = message.fate(halt, &app.config.retry_delays, cx.now(), jitter);
            settle_unsent(app, &cx, message, fate).await?
        }
    };
    metrics::counter!("denizen_notifications_total", "channel" => message.channel.as_str(), "result" => result)
        .increment(1);
    Ok(())
}

async fn attempt(app: &App, cx: &Cx, message: &Message) -> Result<Delivery, Halt> {
    if let Some(failure) = message.hopeless(&app.config.retry_delays, cx.now()) {
        return Err(failure.into());
    }
    match app.way(message.channel).ok_or(Halt::NoProvider)? {
        Way::Mailbox => {
            let composed = compose(app, cx, message).await?;
            catch(app, cx, message, &composed).await
        }
        Way::Smtp(smtp, breaker) => {
            breaker.begin(cx.now()).map_err(Halt::Postponed)?;
            let composed = compose(app, cx, message).await?;
            let host = mail::host(&app.config.public_url);
            let mail = mail::build(&app.config.smtp_from, &host, message.id, &composed.letter, cx.now())?;
            match smtp.send(&mail).await {
                Err(failure) if failure.is_of_provider() => {
                    return Err(breaker.failed(cx.now()).map_or(failure.into(), Halt::Postponed));
                }
                answered => {
                    breaker.succeeded();
                    answered?;
                }
            }
            Ok(Delivery { user_id: composed.user_id, caught: None })
        }
    }
}

/// Seals the letter to the person, for the mailbox.
async fn catch(app: &App, cx: &Cx, message: &Message, composed: &Composed) -> Result<Delivery, Halt> {
    let key = match composed.user_id {
        None => app.keys.strangers.clone(),
        Some(user_id) => {
            let key = app.keys.ring.get(cx, user_id).await;
            let key = key.map_err(|_| Halt::Postponed(std::time::Duration::ZERO))?;
            key.ok_or(Failure::permanent("no_address"))?
        }
    };
    let user_id = composed.user_id.unwrap_or_else(nobody);
    let content = serde_json::to_vec(&composed.letter).map_err(|_| Failure::permanent("unusable_mail"))?;
    let caught = Caught {
        id: message.id,
        user_id,
        channel: message.channel,
        to_index: app.keys.index.blind_index("mailbox/to", &mailbox_key(&composed.letter.to)),
        content: key.seal(&place(user_id, "notify/mailbox"), &content),
        created_at: cx.now(),
    };
    Ok(Delivery { user_id: composed.user_id, caught: Some(caught) })
}

async fn settle_sent(app: &App, cx: &Cx, message: &Message, delivery: &Delivery) -> Result<&'static str> {
    app.db
        .run(cx, || async {
            let mut tx = app.db.write().await?;
            if store::mark_sent(&mut tx, message.id, delivery.user_id, cx.now()).await? {
                if let Some(caught) = &delivery.caught {
                    store::insert_caught(&mut tx, caught).await?;
                }
                tx.emit(
                    cx,
                    NotificationDelivered {
                        user_id: delivery.user_id,
                        notification_id: message.id,
                        channel: message.channel.as_str(),
                        template: message.template.as_str(),
                    },
                );
            }
            Ok(tx.commit().await?)
        })
        .await?;
    Ok("sent")
}

async fn settle_unsent(app: &App, cx: &Cx, message: &Message, fate: Fate) -> Result<&'static str> {
    app.db
        .run(cx, || async {
            let mut tx = app.db.write().await?;
            write_fate(&mut tx, cx, message, fate).await?;
            Ok(tx.commit().await?)
        })
        .await?;
    let template = message.template.as_str();
    let result = match fate {
        Fate::Dropped => "not_due",
        Fate::Waiting => {
            app.note_waiting(message.channel);
            "waiting"
        }
        Fate::Declined => "declined",
        Fate::Again { code: "postponed", .. } => "postponed",
        Fate::Again { code, .. } => {
            tracing::info!(notification = %message.id, template, code, "a message is tried again later");
            "retried"
        }
        Fate::Dead(code) => {
            tracing::warn!(notification = %message.id, template, code, "a message is dead");
            "dead"
        }
    };
    Ok(result)
}

async fn write_fate(tx: &mut Tx, cx: &Cx, message: &Message, fate: Fate) -> denizen_db::Result<()> {
    match fate {
        Fate::Dropped => drop(store::drop_message(tx, message).await?),
        Fate::Waiting => drop(store::mark_waiting(tx, message).await?),
        Fate::Declined => drop(store::mark_declined(tx, message, cx.now()).await?),
        Fate::Again { at, attempts, code } => drop(store::requeue(tx, message, at, attempts, code).await?),
        Fate::Dead(code) => {
            if store::mark_dead(tx, message, cx.now(), code).await? {
                tx.emit(cx, dead(message, code));
            }
        }
    }
    Ok(())
}

fn dead(message: &Message, code: &'static str) -> NotificationDead {
    NotificationDead {
        user_id: message.user_id,
        notification_id: message.id,
        channel: Channel::as_str(message.channel),
        template: message.template.as_str(),
        code,
    }
}
