//! The words of services: sealed while they wait, written when they go.

use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::place;
use denizen_rpc::users::internal::v1::Contact;
use denizen_rpc::users::v1::Status;

use crate::App;
use crate::compose::{Composed, contact, refused};
use crate::mail::host;
use crate::model::{AddressKind, Channel, Failure, Halt, Letter, Message, MessageId};
use crate::names::Language;
use crate::wish::Content;

/// What the words are sealed for: the message, so that they open in no other.
fn content_place(id: MessageId, reader: Option<UserId>) -> Vec<u8> {
    let of_reader = reader.map_or_else(Vec::new, |user_id| place(user_id, "notify/content"));
    [of_reader.as_slice(), b"notify/content", id.to_string().as_bytes()].concat()
}

/// Seals the words to their reader, or with notify's own key when the address belongs to no account.
pub(crate) async fn seal(
    app: &App,
    cx: &Cx,
    (id, reader): (MessageId, Option<UserId>),
    content: &Content,
) -> Result<Vec<u8>, Problem> {
    let key = match reader {
        None => app.keys.strangers.clone(),
        Some(user_id) => {
            let gone = || Problem::invalid("/user_id", "unknown", "there is no account with this id");
            app.keys.ring.get(cx, user_id).await?.ok_or_else(gone)?
        }
    };
    let text = serde_json::to_vec(content).map_err(Problem::internal)?;
    Ok(key.seal(&content_place(id, reader), &text))
}

async fn open(app: &App, cx: &Cx, message: &Message) -> Result<Content, Halt> {
    let key = match message.user_id {
        None => Some(app.keys.strangers.clone()),
        Some(user_id) => {
            let key = app.keys.ring.get(cx, user_id).await;
            key.map_err(|problem| refused(&problem, "no_address"))?
        }
    };
    let sealed = message.content.as_ref().ok_or(Failure::permanent("no_content"))?;
    let place = content_place(message.id, message.user_id);
    let opened = key.and_then(|key| key.open(&place, sealed).ok());
    let content = opened.and_then(|text| serde_json::from_slice(&text).ok());
    content.ok_or_else(|| Failure::permanent("no_content").into())
}

/// Writes a message in a service's words. What its reader does not want, or may not be sent, is declined.
pub(crate) async fn compose(app: &App, cx: &Cx, message: &Message) -> Result<Composed, Halt> {
    let content = open(app, cx, message).await?;
    let Some(user_id) = message.user_id else {
        let letter = write(app, message.channel, &content, &Contact::default())?;
        return Ok(Composed { user_id: None, letter });
    };
    let contact = contact(app, cx, user_id).await?;
    if contact.status() == Status::Deleted {
        return Err(Failure::permanent("no_address").into());
    }
    if contact.restricted || !wants(&contact, message.channel) {
        return Err(Halt::Declined);
    }
    let mut letter = write(app, message.channel, &content, &contact)?;
    if letter.to.is_empty() {
        letter.to = own_address(&contact, message.channel).ok_or(Failure::permanent("no_address"))?;
    }
    Ok(Composed { user_id: Some(user_id), letter })
}

/// Whether a person wants messages that way.
fn wants(contact: &Contact, channel: Channel) -> bool {
    let Some(preferences) = &contact.preferences else { return true };
    match channel {
        Channel::Email => preferences.email,
        Channel::Sms => preferences.sms,
        Channel::Push => preferences.push,
    }
}

fn own_address(contact: &Contact, channel: Channel) -> Option<String> {
    if channel != Channel::Push {
        return AddressKind::Current.of(contact, channel).map(str::to_owned);
    }
    let mut devices: Vec<(&String, &String)> = contact.push_tokens.iter().collect();
    devices.sort();
    let tokens: Vec<&str> = devices.into_iter().map(|(_, token)| token.as_str()).collect();
    Some(tokens.join(", ")).filter(|tokens| !tokens.is_empty())
}

fn write(app: &App, channel: Channel, content: &Content, contact: &Contact) -> Result<Letter, Halt> {
    let locale = contact.preferences.as_ref().map(|it| it.locale.as_str()).unwrap_or_default();
    let name = if contact.name.is_empty() { &contact.username } else { &contact.name };
    let host = host(&app.config.public_url);
    let written = app.templates.write_custom(channel, Language::of(locale), content, (name, &host));
    let letter = written.map_err(|error| {
        tracing::error!(kind = ?error.kind(), "the frame of a service's message cannot be rendered");
        Halt::from(Failure::permanent("template"))
    })?;
    Ok(Letter { to: content.to.clone(), ..letter })
}
