//! The rules of a message's life.

use denizen_rpc::users::internal::v1::Contact;

use super::*;

const DELAYS: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(60), Duration::from_secs(600)];

fn message(attempts: i64) -> Message {
    Message {
        id: MessageId::nil(),
        user_id: None,
        channel: Channel::Email,
        template: Template::VerifyEmail,
        context: serde_json::json!({}),
        address: AddressKind::Current,
        old_address: None,
        content: None,
        attempts,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn three_retries_by_the_schedule_then_dead() {
    let now = Timestamp::UNIX_EPOCH;
    let failed = Halt::Failed(Failure::temporary("smtp_busy"));
    for (attempts, wait) in [(1, 5), (2, 60), (3, 600)] {
        let least = after(now, Duration::from_secs(wait));
        let most = after(now, Duration::from_secs(wait) + Duration::from_millis(wait * 100));
        for jitter in [0, 1, 77_777_777, u64::MAX] {
            let fate = message(attempts).fate(failed, &DELAYS, now, jitter);
            let Fate::Again { at, attempts: kept, code } = fate else { panic!("{fate:?}") };
            assert!((least..=most).contains(&at), "{at} after try {attempts}");
            assert_eq!((kept, code), (attempts, "smtp_busy"));
        }
    }
    assert_eq!(message(4).fate(failed, &DELAYS, now, 0), Fate::Dead("smtp_busy"));
    assert_eq!(message(1).fate(failed, &[], now, 0), Fate::Dead("smtp_busy"));
}

#[test]
fn a_permanent_failure_is_the_end_and_a_postponed_try_does_not_count() {
    let now = Timestamp::UNIX_EPOCH;
    let refused = Halt::Failed(Failure::permanent("smtp_refused"));
    assert_eq!(message(1).fate(refused, &DELAYS, now, 0), Fate::Dead("smtp_refused"));
    assert_eq!(message(1).fate(Halt::NotDue, &DELAYS, now, 0), Fate::Dropped);
    assert_eq!(message(1).fate(Halt::NoProvider, &DELAYS, now, 0), Fate::Waiting);

    let postponed = message(4).fate(Halt::Postponed(Duration::ZERO), &DELAYS, now, 0);
    let at = after(now, SHORTEST_PAUSE);
    assert_eq!(postponed, Fate::Again { at, attempts: 3, code: "postponed" });
}

#[test]
fn late_codes_are_moot_and_late_notices_are_not() {
    let late = after(Timestamp::UNIX_EPOCH, MOOT_AFTER + Duration::from_secs(1));
    assert_eq!(message(1).hopeless(&DELAYS, late), Some(Failure::permanent("expired")));
    let notice = Message { template: Template::PasswordChanged, ..message(1) };
    assert_eq!(notice.hopeless(&DELAYS, late), None);
    assert_eq!(message(7).hopeless(&DELAYS, Timestamp::UNIX_EPOCH), None, "interrupted three times");
    assert_eq!(message(8).hopeless(&DELAYS, Timestamp::UNIX_EPOCH), Some(Failure::permanent("interrupted")));
}

#[test]
fn the_target_is_bound_to_field_and_address() {
    let of_mail = target(Channel::Email, "Ada@example.test");
    assert_eq!(of_mail, sha256(b"email:Ada@example.test"));
    assert_eq!(target(Channel::Sms, "+4930123456"), sha256(b"mobile:+4930123456"));
    assert_ne!(of_mail, target(Channel::Email, "ada@example.test"), "exactly as in the contact");
}

#[test]
fn each_kind_of_address_is_its_own() {
    let contact = Contact {
        email: "now@example.test".into(),
        pending_email: "next@example.test".into(),
        mobile: "+491".into(),
        mobile_verified: true,
        ..Contact::default()
    };
    assert_eq!(AddressKind::Current.of(&contact, Channel::Email), Some("now@example.test"));
    assert_eq!(AddressKind::Pending.of(&contact, Channel::Email), Some("next@example.test"));
    assert_eq!(AddressKind::Old.of(&contact, Channel::Email), None);
    assert_eq!(AddressKind::Pending.of(&contact, Channel::Sms), None, "a proved number needs no proof");
    let unproved = Contact { mobile_verified: false, ..contact };
    assert_eq!(AddressKind::Pending.of(&unproved, Channel::Sms), Some("+491"));
}

#[test]
fn names_in_tables_read_back() {
    for template in Template::ALL {
        assert_eq!(Template::parse(template.as_str()), Some(template));
        assert!(
            Channel::ALL.into_iter().any(|channel| template.travels_by(channel)),
            "{template:?} cannot travel"
        );
    }
    assert_eq!(Template::parse("../etc"), None);
    assert_eq!(parse_purpose("password_reset"), Some(Purpose::PasswordReset));
    assert_eq!(parse_purpose("PURPOSE_LOGIN"), Some(Purpose::Login));
    assert_eq!(parse_purpose("unspecified"), None);
}

#[test]
fn the_mailbox_is_searched_without_case_and_punctuation() {
    assert_eq!(mailbox_key(" Ada@Example.TEST"), "ada@example.test");
    for number in ["+49 30 123", " 4930123", "+49-30/123"] {
        assert_eq!(mailbox_key(number), "4930123");
    }
}
