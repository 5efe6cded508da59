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
pub const PRODUCERS: [Role; 3] = [Role::Users, Role::Password, Role::Otp];

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
        (Role::Users, Ok(user_id)) => Effect::Send(of_users(kind, &data, user_id)),
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

fn of_users(kind: &str, data: &Value, user_id: UserId) -> Vec<Draft> {
    let wants_proof = data["verify_email"] == true;
    match kind {
        "user.created" if wants_proof => vec![mail(user_id, Template::Welcome)],
        "user.email_verification_requested" => vec![mail(user_id, Template::VerifyEmail)],
        "user.email_change_requested" => {
            vec![Draft { address: AddressKind::Pending, ..mail(user_id, Template::VerifyEmail) }]
        }
        "user.email_changed" => {
            let notice = old_address(data).map(|sealed| Draft {
                address: AddressKind::Old,
                old_address: Some(sealed),
                ..mail(user_id, Template::EmailChanged)
            });
            let proof = wants_proof.then(|| mail(user_id, Template::VerifyEmail));
            notice.into_iter().chain(proof).collect()
        }
        "user.mobile_change_requested" => {
            let proof = mail(user_id, Template::VerifyMobile);
            vec![Draft { address: AddressKind::Pending, channel: Channel::Sms, ..proof }]
        }
        "user.mobile_changed" => vec![mail(user_id, Template::MobileChanged)],
        "user.deleted" => vec![mail(user_id, Template::AccountDeleted)],
        _ => Vec::new(),
    }
}

fn of_password(kind: &str, data: &Value, user_id: UserId) -> Option<Draft> {
    match kind {
        "password.reset_due" => Some(reset_due(data, mail(user_id, Template::ResetLink))),
        "password.changed" | "password.reset" => Some(mail(user_id, Template::PasswordChanged)),
        _ => None,
    }
}

fn old_address(data: &Value) -> Option<Vec<u8>> {
    let text = data["old_email_sealed"].as_str()?;
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
mod tests {
    use super::*;

    const USER: &str = "0192aa00-0000-7000-8000-000000000001";

    fn event(kind: &str, data: &str) -> Event {
        Event { seq: 1, r#type: kind.into(), subject: USER.into(), data: data.into(), ..Event::default() }
    }

    fn sent(producer: Role, kind: &str, data: &str) -> Vec<(&'static str, &'static str, &'static str)> {
        let Effect::Send(drafts) = effect(producer, &event(kind, data)) else { panic!("{kind} forgets") };
        let told = drafts.iter().map(|draft| {
            assert!(draft.template.travels_by(draft.channel), "{draft:?}");
            (draft.template.as_str(), draft.channel.as_str(), draft.address.as_str())
        });
        told.collect()
    }

    #[test]
    fn each_event_has_its_message() {
        let table = [
            (Role::Users, "user.created", r#"{"verify_email":true}"#, &[("welcome", "email", "current")][..]),
            (Role::Users, "user.created", r#"{"verify_email":false}"#, &[][..]),
            (Role::Users, "user.email_change_requested", "{}", &[("verify_email", "email", "pending")][..]),
            (
                Role::Users,
                "user.email_verification_requested",
                "{}",
                &[("verify_email", "email", "current")][..],
            ),
            (
                Role::Users,
                "user.email_changed",
                r#"{"old_email_sealed":"AQID"}"#,
                &[("email_changed", "email", "old")][..],
            ),
            (
                Role::Users,
                "user.email_changed",
                r#"{"old_email_sealed":"AQID","verify_email":true}"#,
                &[("email_changed", "email", "old"), ("verify_email", "email", "current")][..],
            ),
            (Role::Users, "user.email_changed", r#"{"old_email_sealed":null}"#, &[][..]),
            (Role::Users, "user.mobile_change_requested", "{}", &[("verify_mobile", "sms", "pending")][..]),
            (Role::Users, "user.mobile_changed", "{}", &[("mobile_changed", "email", "current")][..]),
            (Role::Users, "user.deleted", "{}", &[("account_deleted", "email", "current")][..]),
            (Role::Users, "user.updated", "{}", &[][..]),
            (
                Role::Password,
                "password.reset_due",
                r#"{"via":"link","channel":"email"}"#,
                &[("reset_link", "email", "current")][..],
            ),
            (
                Role::Password,
                "password.reset_due",
                r#"{"via":"otp","channel":"sms"}"#,
                &[("reset_code", "sms", "current")][..],
            ),
            (Role::Password, "password.changed", "{}", &[("password_changed", "email", "current")][..]),
            (Role::Password, "password.reset", "{}", &[("password_changed", "email", "current")][..]),
            (Role::Users, "password.reset", "{}", &[][..]),
        ];
        for (producer, kind, data, expected) in table {
            assert_eq!(sent(producer, kind, data), expected, "{kind} {data}");
        }
    }

    #[test]
    fn a_code_that_is_due_needs_no_known_person() {
        let otp_id = "0192aa00-0000-7000-8000-0000000000aa";
        for data in [
            format!(r#"{{"otp_id":"{otp_id}","channel":"sms","purpose":"login"}}"#),
            format!(r#"{{"otp_id":"{otp_id}","channel":2,"purpose":1}}"#),
            format!(r#"{{"otp_id":"{otp_id}","channel":"CHANNEL_SMS","purpose":"PURPOSE_LOGIN"}}"#),
        ] {
            let event = Event { subject: String::new(), ..event("otp.due", &data) };
            let Effect::Send(drafts) = effect(Role::Otp, &event) else { panic!("{data}") };
            let [draft] = drafts.as_slice() else { panic!("{data}") };
            assert_eq!((draft.user_id, draft.channel), (None, Channel::Sms));
            assert_eq!(draft.context, json!({ "otp_id": otp_id, "purpose": "PURPOSE_LOGIN" }));
        }
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        for data in
            ["", "null", "[]", r#"{"otp_id":"x","channel":"sms","purpose":"login"}"#, r#"{"otp_id":7}"#]
        {
            assert_eq!(effect(Role::Otp, &event("otp.due", data)), Effect::Send(Vec::new()), "{data}");
        }
        let nobody = Event { subject: "nobody".into(), ..event("user.deleted", "{}") };
        assert_eq!(effect(Role::Users, &nobody), Effect::Send(Vec::new()));
    }

    #[test]
    fn erasure_forgets() {
        assert_eq!(effect(Role::Users, &event("user.erased", "{}")), Effect::Forget(USER.parse().unwrap()));
    }

    #[test]
    fn the_old_address_stays_sealed() {
        let event = event("user.email_changed", r#"{"old_email_sealed":"AQID"}"#);
        let Effect::Send(drafts) = effect(Role::Users, &event) else { panic!("a notice") };
        let [draft] = drafts.as_slice() else { panic!("{drafts:?}") };
        assert_eq!(draft.old_address, Some(vec![1, 2, 3]));
        assert_eq!(draft.context, json!({}), "nothing readable beside it");
    }
}
