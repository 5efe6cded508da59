//! What follows from which event.

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

/// Who tells, what, with which data, and the messages that follow: template, channel, address.
type Case = (Role, &'static str, &'static str, &'static [(&'static str, &'static str, &'static str)]);

fn check(table: &[Case]) {
    for (producer, kind, data, expected) in table {
        assert_eq!(sent(*producer, kind, data), *expected, "{kind} {data}");
    }
}

#[test]
fn what_happens_to_an_account_has_its_message() {
    check(&[
        (Role::Users, "user.created", r#"{"verify_email":true}"#, &[("welcome", "email", "current")][..]),
        (Role::Users, "user.created", r#"{"verify_email":false}"#, &[][..]),
        (
            Role::Users,
            "user.created",
            r#"{"verify_email":true,"verify_mobile":true}"#,
            &[("welcome", "email", "current"), ("verify_mobile", "sms", "pending")][..],
        ),
        (Role::Users, "user.email_change_requested", "{}", &[("verify_email", "email", "pending")][..]),
        (Role::Users, "user.email_verification_requested", "{}", &[("verify_email", "email", "current")][..]),
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
    ]);
}

#[test]
fn what_happens_later_to_an_account_has_its_message() {
    check(&[
        (Role::Users, "user.mobile_changed", "{}", &[("mobile_changed", "email", "current")][..]),
        (
            Role::Users,
            "user.mobile_changed",
            r#"{"old_mobile_sealed":"AQID","removed":true}"#,
            &[("mobile_changed", "sms", "old"), ("mobile_changed", "email", "current")][..],
        ),
        (Role::Users, "user.blocked", "{}", &[("account_blocked", "email", "current")][..]),
        (Role::Users, "user.suspended", "{}", &[("account_suspended", "email", "current")][..]),
        (
            Role::Users,
            "user.activated",
            r#"{"from":"blocked"}"#,
            &[("account_activated", "email", "current")][..],
        ),
        (
            Role::Users,
            "user.activated",
            r#"{"from":"deleted"}"#,
            &[("account_restored", "email", "current")][..],
        ),
        (Role::Users, "user.activated", r#"{"from":"pending"}"#, &[][..]),
        (Role::Users, "user.deleted", "{}", &[("account_deleted", "email", "current")][..]),
        (Role::Users, "privacy.exported", "{}", &[("export_ready", "email", "current")][..]),
        (Role::Users, "user.updated", "{}", &[][..]),
    ]);
}

#[test]
fn what_happens_to_proofs_has_its_message() {
    check(&[
        (Role::Auth, "session.new_device", "{}", &[("new_device", "email", "current")][..]),
        (Role::Auth, "session.started", "{}", &[][..]),
        (Role::Auth, "second_factor.enabled", "{}", &[("factor_enabled", "email", "current")][..]),
        (Role::Auth, "second_factor.removed", "{}", &[("factor_disabled", "email", "current")][..]),
        (
            Role::Auth,
            "second_factor.recovery_code_used",
            "{}",
            &[("recovery_code_used", "email", "current")][..],
        ),
        (Role::Password, "password.closed", "{}", &[("password_closed", "email", "current")][..]),
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
    ]);
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
fn an_administrator_s_activation_is_told_and_one_s_own_is_not() {
    let by = |actor: &str| Event { actor: actor.into(), ..event("user.activated", r#"{"from":"pending"}"#) };
    let told = |event: &Event| effect(Role::Users, event) != Effect::Send(Vec::new());
    assert!(told(&by("0192aa00-0000-7000-8000-000000000002")));
    assert!(!told(&by(USER)) && !told(&by("")));
}

#[test]
fn a_code_of_the_second_factor_is_worth_sending_for_its_time() {
    let otp_id = "0192aa00-0000-7000-8000-0000000000aa";
    let data = format!(r#"{{"otp_id":"{otp_id}","channel":"sms","until":1800000300}}"#);
    let Effect::Send(drafts) = effect(Role::Auth, &event("second_factor.code_due", &data)) else { panic!() };
    let [draft] = drafts.as_slice() else { panic!("{drafts:?}") };
    assert_eq!((draft.user_id, draft.channel), (Some(USER.parse().unwrap()), Channel::Sms));
    let expected = json!({ "otp_id": otp_id, "purpose": "PURPOSE_SECOND_FACTOR", "until": 1_800_000_300 });
    assert_eq!(draft.context, expected);
}

#[test]
fn what_cannot_be_read_is_passed_over() {
    for data in ["", "null", "[]", r#"{"otp_id":"x","channel":"sms","purpose":"login"}"#, r#"{"otp_id":7}"#] {
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
