//! Writing a message: whom it is to, the code or link in it, the words. Asked of their owners at the last moment, so
//! that no queue and no event holds them.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::{Kind, Problem};
use denizen_rpc::otp::internal::v1::{IssueRequest, IssueResponse};
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::password::internal::v1::IssueResetRequest;
use denizen_rpc::users::internal::v1::{Contact, GetContactRequest};
use denizen_rpc::users::v1::Status;
use denizen_rpc::{place, problem_from};

use crate::App;
use crate::custom;
use crate::mail::host;
use crate::model::{AddressKind, Channel, Failure, Halt, Letter, Message, Template, parse_purpose, target};
use crate::names::Language;
use crate::templates::{Origin, Words, minutes_until};

/// A message, written.
#[derive(Clone, Debug)]
pub struct Composed {
    /// Whom it is to; none when the address belongs to no account.
    pub user_id: Option<UserId>,
    /// What they get.
    pub letter: Letter,
}

/// Whom a message is to, as users knows them now.
struct Reader {
    user_id: UserId,
    contact: Contact,
    /// The address that the message goes to.
    to: String,
}

/// Code and link of a message; either may be empty.
#[derive(Clone, Debug, Default)]
struct Secret {
    code: String,
    link: String,
    minutes: u64,
}

// === impl Secret ===

impl Secret {
    fn into_words(self) -> Words {
        Words { code: self.code, link: self.link, minutes: self.minutes, ..Words::default() }
    }
}

/// Writes a message.
pub async fn compose(app: &App, cx: &Cx, message: &Message) -> Result<Composed, Halt> {
    if message.template == Template::Custom {
        return custom::compose(app, cx, message).await;
    }
    if message.until().is_some_and(|until| until <= cx.now()) {
        return Err(Halt::NotDue);
    }
    // Only otp knows whose identifier it was, and tells by issuing.
    let issued = match message.user_id {
        Some(_) => None,
        None => Some(issue(app, cx, otp_request(message, Vec::new())?).await?),
    };
    let user_id = match (message.user_id, &issued) {
        (Some(user_id), _) => user_id,
        (None, Some(issued)) => issued.user_id.parse().map_err(|_| Halt::NotDue)?,
        (None, None) => return Err(Halt::NotDue),
    };
    let contact = contact(app, cx, user_id).await?;
    if message.template.carries_secret() && contact.status() == Status::Deleted {
        return Err(Halt::NotDue);
    }
    let to = address(app, cx, message, user_id, &contact).await?;
    let reader = Reader { user_id, contact, to };
    let secret = match issued {
        Some(issued) => of_issue(app, cx, issued),
        None => secret(app, cx, message, &reader).await?,
    };
    let origin = origin(app, cx, message, user_id).await?;
    let letter = write(app, message, &reader.contact, Words { origin, ..secret.into_words() })?;
    Ok(Composed { user_id: Some(user_id), letter: Letter { to: reader.to, ..letter } })
}

pub(crate) async fn contact(app: &App, cx: &Cx, user_id: UserId) -> Result<Contact, Halt> {
    let request = GetContactRequest { user_id: user_id.to_string() };
    let answer = app.links.directory(cx).get_contact(request).await.map_err(problem_from);
    let contact = answer.map_err(|problem| refused(&problem, "no_address"))?.into_inner();
    if contact.found { Ok(contact) } else { Err(Failure::permanent("no_address").into()) }
}

/// When and from where that came which the message tells, as far as its event says so. The sealed parts open for as
/// long as the person has a key.
async fn origin(app: &App, cx: &Cx, message: &Message, user_id: UserId) -> Result<Origin, Halt> {
    let Some(at) = message.happened_at() else { return Ok(Origin::default()) };
    let key = app.keys.ring.get(cx, user_id).await.map_err(|problem| refused(&problem, "no_address"))?;
    let open = |name: &str, field: &str| {
        let sealed = STANDARD.decode(message.context.get(name)?.as_str()?).ok()?;
        key.as_ref()?.open_text(&place(user_id, field), &sealed).ok()
    };
    let ip = open("ip_sealed", "sessions/ip").and_then(|text| text.parse::<IpAddr>().ok());
    Ok(Origin {
        when: at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        ip: ip.map(|ip| ip.to_string()).unwrap_or_default(),
        device: open("user_agent_sealed", "sessions/user_agent").unwrap_or_default(),
    })
}

/// The address as typed.
async fn address(
    app: &App,
    cx: &Cx,
    message: &Message,
    user_id: UserId,
    contact: &Contact,
) -> Result<String, Halt> {
    if let Some(address) = message.address.of(contact, message.channel) {
        return Ok(address.to_owned());
    }
    match (message.address, &message.old_address) {
        // Proved or given up meanwhile.
        (AddressKind::Pending, _) => Err(Halt::NotDue),
        (AddressKind::Old, Some(sealed)) => {
            let key =
                app.keys.ring.get(cx, user_id).await.map_err(|problem| refused(&problem, "no_address"))?;
            let field = match message.channel {
                Channel::Email => "users/email",
                Channel::Sms | Channel::Push => "users/mobile",
            };
            let opened = key.and_then(|key| key.open_text(&place(user_id, field), sealed).ok());
            opened.ok_or_else(|| Failure::permanent("no_address").into())
        }
        _ => Err(Failure::permanent("no_address").into()),
    }
}

/// The code or link that the message carries.
async fn secret(app: &App, cx: &Cx, message: &Message, reader: &Reader) -> Result<Secret, Halt> {
    let Reader { user_id, contact, to } = reader;
    let of_message = |purpose: Purpose, target| IssueRequest {
        issue_id: message.id.to_string(),
        user_id: user_id.to_string(),
        purpose: purpose.into(),
        target,
        channel: message.channel.to_wire().into(),
    };
    let request = match message.template {
        Template::Welcome if contact.email_verified => return Ok(Secret::default()),
        Template::VerifyEmail if contact.email_verified && message.address == AddressKind::Current => {
            return Err(Halt::NotDue);
        }
        Template::Welcome | Template::VerifyEmail => {
            of_message(Purpose::VerifyEmail, target(Channel::Email, to))
        }
        Template::VerifyMobile => of_message(Purpose::VerifyMobile, target(Channel::Sms, to)),
        Template::ResetCode => of_message(Purpose::PasswordReset, Vec::new()),
        Template::OtpCode | Template::FactorCode => otp_request(message, target(message.channel, to))?,
        Template::ResetLink => return reset_link(app, cx, message, *user_id).await,
        _ => return Ok(Secret::default()),
    };
    let issued = issue(app, cx, request).await?;
    let proves = matches!(message.template, Template::Welcome | Template::VerifyEmail);
    let secret = of_issue(app, cx, issued);
    // One time says nothing where code and link end at different ones; elsewhere a link would go unused.
    Ok(if proves { Secret { minutes: 0, ..secret } } else { Secret { link: String::new(), ..secret } })
}

/// What otp is asked with for a code that it announced. Proofs of an address are bound to it.
fn otp_request(message: &Message, address: Vec<u8>) -> Result<IssueRequest, Halt> {
    let text = |name: &str| message.context.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    let purpose = parse_purpose(text("purpose")).ok_or(Halt::NotDue)?;
    let proves = matches!(purpose, Purpose::VerifyEmail | Purpose::VerifyMobile);
    Ok(IssueRequest {
        issue_id: text("otp_id").to_owned(),
        user_id: message.user_id.map(|user_id| user_id.to_string()).unwrap_or_default(),
        purpose: purpose.into(),
        target: if proves { address } else { Vec::new() },
        channel: message.channel.to_wire().into(),
    })
}

async fn issue(app: &App, cx: &Cx, request: IssueRequest) -> Result<IssueResponse, Halt> {
    let answer = app.links.codes(cx).issue(request).await.map_err(problem_from);
    let issued = answer.map_err(|problem| refused(&problem, "no_code"))?.into_inner();
    let has_something = !(issued.code.is_empty() && issued.token.is_empty());
    if issued.due && has_something { Ok(issued) } else { Err(Halt::NotDue) }
}

fn of_issue(app: &App, cx: &Cx, issued: IssueResponse) -> Secret {
    let minutes = minutes_until(issued.expires_at.as_ref(), cx.now());
    let link = if issued.token.is_empty() { String::new() } else { link(app, "verify", &issued.token) };
    Secret { code: issued.code, link, minutes }
}

async fn reset_link(app: &App, cx: &Cx, message: &Message, user_id: UserId) -> Result<Secret, Halt> {
    let request = IssueResetRequest {
        user_id: user_id.to_string(),
        issue_id: message.id.to_string(),
        channel: message.channel.to_wire().into(),
    };
    let answer = app.links.credentials(cx).issue_reset(request).await.map_err(problem_from);
    let reset = answer.map_err(|problem| refused(&problem, "no_link"))?.into_inner();
    let ended = reset.expires_at.is_some_and(|end| end.seconds <= cx.now().as_second());
    if reset.token.is_empty() || ended {
        return Err(Halt::NotDue);
    }
    let minutes = minutes_until(reset.expires_at.as_ref(), cx.now());
    Ok(Secret { code: String::new(), link: link(app, "reset", &reset.token), minutes })
}

/// A link to a page of the console. Built from the configured address only, never from a request.
fn link(app: &App, page: &str, token: &str) -> String {
    let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    format!("{}/console/{page}?token={token}", app.config.public_url.trim_end_matches('/'))
}

/// What a service's refusal means for the message.
pub(crate) fn refused(problem: &Problem, code: &'static str) -> Halt {
    let wait = problem.retry_after.unwrap_or(Duration::ZERO);
    match problem.kind {
        Kind::Unavailable | Kind::Timeout | Kind::TooMany => Halt::Postponed(wait),
        Kind::NotFound => Failure::permanent(code).into(),
        _ => Failure::temporary(code).into(),
    }
}

fn write(app: &App, message: &Message, contact: &Contact, words: Words) -> Result<Letter, Halt> {
    let locale =
        contact.preferences.as_ref().map(|preferences| preferences.locale.as_str()).unwrap_or_default();
    let name = if contact.name.is_empty() { &contact.username } else { &contact.name };
    let words = Words { name: name.clone(), host: host(&app.config.public_url), ..words };
    let written = app.templates.write(message.template, message.channel, Language::of(locale), &words);
    written.map_err(|error| {
        tracing::error!(template = message.template.as_str(), kind = ?error.kind(), "a template cannot be rendered");
        Failure::permanent("template").into()
    })
}
