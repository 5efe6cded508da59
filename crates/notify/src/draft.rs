//! What follows from an event of another service: a message, the forgetting of a person, or nothing.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use denizen_kit::caller::Role;
use denizen_kit::id::UserId;
use denizen_rpc::events::internal::v1::Event;
use denizen_rpc::otp::v1::{Channel as WireChannel, Purpose};
use serde_json::{Value, json};

use crate::model::{AddressKind, Channel, Template, parse_purpose};

/// The services whose events notify follows.
pub const PRODUCERS: [Role; 4] = [Role::Users, Role::Auth, Role::Password, Role::Otp];

/// A message to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Whom it is to; none when only otp can tell.
    pub user_id: Option<UserId>,
    /// How it travels.
    pub channel: Channel,
    /// What it says.
    pub template: Template,
    /// What the owner of the code is asked with; ids and purposes only.
    pub context: Value,
    /// Which address.
    pub address: AddressKind,
    /// The old address, sealed to the person.
    pub old_address: Option<Vec<u8>>,
}

/// What an event leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Messages, each with another template; perhaps none.
    Send(Vec<Draft>),
    /// All messages of the person go.
    Forget(UserId),
}

/// What an event of a service leads to. Events that cannot be read lead to nothing: they must not stop the log.
pub fn effect(producer: Role, event: &Event) -> Effect {
    let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
    let kind = event.r#type.as_str();
    if (producer, kind) == (Role::Otp, "otp.due") {
        return Effect::Send(otp_due(event, &data).into_iter().collect());
    }
    let subject: Result<UserId, _> = event.subject.parse();
    match (producer, subject) {
        (Role::Users, Ok(user_id)) if kind == "user.erased" => Effect::Forget(user_id),
        (Role::Users, Ok(user_id)) => Effect::Send(of_users(event, &data, user_id)),
        (Role::Auth, Ok(user_id)) => Effect::Send(of_auth(event, &data, user_id).into_iter().collect()),
        (Role::Password, Ok(user_id)) => {
            Effect::Send(of_password(kind, &data, user_id).into_iter().collect())
        }
        _ => Effect::Send(Vec::new()),
    }
}

/// A mail to the address that stands.
fn mail(user_id: UserId, template: Template) -> Draft {
    Draft {
        user_id: Some(user_id),
        channel: Channel::Email,
        template,
        context: json!({}),
        address: AddressKind::Current,
        old_address: None,
    }
}

/// A text message to the number that stands.
fn text(user_id: UserId, template: Template) -> Draft {
    Draft { channel: Channel::Sms, ..mail(user_id, template) }
}

fn of_users(event: &Event, data: &Value, user_id: UserId) -> Vec<Draft> {
    let wants_proof = data["verify_email"] == true;
    match event.r#type.as_str() {
        "user.created" => {
            let welcome = wants_proof.then(|| mail(user_id, Template::Welcome));
            let number = (data["verify_mobile"] == true).then(|| proof_of_mobile(user_id));
            welcome.into_iter().chain(number).collect()
        }
        "user.email_verification_requested" => vec![mail(user_id, Template::VerifyEmail)],
        "user.email_change_requested" => {
            vec![Draft { address: AddressKind::Pending, ..mail(user_id, Template::VerifyEmail) }]
        }
        "user.email_changed" => {
            let notice = sealed(data, "old_email_sealed")
                .map(|sealed| to_old(mail(user_id, Template::EmailChanged), sealed));
            let proof = wants_proof.then(|| mail(user_id, Template::VerifyEmail));
            notice.into_iter().chain(proof).collect()
        }
        "user.mobile_change_requested" => vec![proof_of_mobile(user_id)],
        "user.mobile_changed" => {
            let notice = sealed(data, "old_mobile_sealed")
                .map(|sealed| to_old(text(user_id, Template::MobileChanged), sealed));
            notice.into_iter().chain([mail(user_id, Template::MobileChanged)]).collect()
        }
        "user.blocked" => vec![mail(user_id, Template::AccountBlocked)],
        "user.suspended" => vec![mail(user_id, Template::AccountSuspended)],
        "user.activated" => activated(event, data, user_id).into_iter().collect(),
        "user.deleted" => vec![mail(user_id, Template::AccountDeleted)],
        "privacy.exported" => vec![mail(user_id, Template::ExportReady)],
        _ => Vec::new(),
    }
}

fn proof_of_mobile(user_id: UserId) -> Draft {
    Draft { address: AddressKind::Pending, ..text(user_id, Template::VerifyMobile) }
}

/// The same to the address that was left.
fn to_old(draft: Draft, sealed: Vec<u8>) -> Draft {
    Draft { address: AddressKind::Old, old_address: Some(sealed), ..draft }
}

/// Who became active by proving their own address knows it.
fn activated(event: &Event, data: &Value, user_id: UserId) -> Option<Draft> {
    let by_themselves = event.actor.is_empty() || event.actor == event.subject;
    match data["from"].as_str() {
        Some("deleted") => Some(mail(user_id, Template::AccountRestored)),
        Some("pending") | None if by_themselves => None,
        _ => Some(mail(user_id, Template::AccountActivated)),
    }
}

fn of_auth(event: &Event, data: &Value, user_id: UserId) -> Option<Draft> {
    let template = match event.r#type.as_str() {
        "second_factor.code_due" => return factor_code(data, user_id),
        "second_factor.enabled" => Template::FactorEnabled,
        "second_factor.removed" => Template::FactorDisabled,
        "second_factor.recovery_code_used" => Template::RecoveryCodeUsed,
        "session.new_device" => Template::NewDevice,
        _ => return None,
    };
    let context = match template {
        Template::NewDevice => json!({
            "at": event.at / 1_000_000,
            "ip_sealed": data["ip_sealed"],
            "user_agent_sealed": data["user_agent_sealed"],
        }),
        _ => json!({}),
    };
    Some(Draft { context, ..mail(user_id, template) })
}

fn factor_code(data: &Value, user_id: UserId) -> Option<Draft> {
    let otp_id: uuid::Uuid = data["otp_id"].as_str()?.parse().ok()?;
    let purpose = Purpose::SecondFactor.as_str_name();
    let context =
        json!({ "otp_id": otp_id.to_string(), "purpose": purpose, "until": data["until"].as_i64()? });
    Some(Draft { channel: channel(data)?, context, ..mail(user_id, Template::FactorCode) })
}

fn of_password(kind: &str, data: &Value, user_id: UserId) -> Option<Draft> {
    match kind {
        "password.reset_due" => Some(reset_due(data, mail(user_id, Template::ResetLink))),
        "password.changed" | "password.reset" => Some(mail(user_id, Template::PasswordChanged)),
        "password.closed" => Some(mail(user_id, Template::PasswordClosed)),
        _ => None,
    }
}

fn sealed(data: &Value, field: &str) -> Option<Vec<u8>> {
    let text = data[field].as_str()?;
    STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
}

fn reset_due(data: &Value, by_link: Draft) -> Draft {
    let template = if data["via"] == "otp" { Template::ResetCode } else { Template::ResetLink };
    Draft { template, channel: channel(data).unwrap_or(Channel::Email), ..by_link }
}

fn otp_due(event: &Event, data: &Value) -> Option<Draft> {
    let otp_id: uuid::Uuid = data["otp_id"].as_str()?.parse().ok()?;
    let purpose = purpose(data)?;
    let channel = channel(data)?;
    Some(Draft {
        user_id: event.subject.parse().ok(),
        channel,
        template: Template::OtpCode,
        context: json!({ "otp_id": otp_id.to_string(), "purpose": purpose.as_str_name() }),
        address: match purpose {
            Purpose::VerifyEmail | Purpose::VerifyMobile => AddressKind::Pending,
            _ => AddressKind::Current,
        },
        old_address: None,
    })
}

/// A channel by its name, as a service or as the contract writes it, or by its number.
fn channel(data: &Value) -> Option<Channel> {
    let value = &data["channel"];
    if let Some(number) = value.as_i64() {
        return match WireChannel::try_from(i32::try_from(number).ok()?).ok()? {
            WireChannel::Email => Some(Channel::Email),
            WireChannel::Sms => Some(Channel::Sms),
            WireChannel::Unspecified => None,
        };
    }
    let name = value.as_str()?.to_ascii_lowercase();
    Channel::parse(name.trim_start_matches("channel_"))
}

fn purpose(data: &Value) -> Option<Purpose> {
    let value = &data["purpose"];
    match value.as_i64() {
        Some(number) => {
            Purpose::try_from(i32::try_from(number).ok()?).ok().filter(|it| *it != Purpose::Unspecified)
        }
        None => parse_purpose(value.as_str()?),
    }
}

#[cfg(test)]
#[path = "draft_tests.rs"]
mod tests;
