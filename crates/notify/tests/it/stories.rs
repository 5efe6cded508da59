//! What people get to read, seen through the mailbox.

use denizen_kit::caller::Role;
use denizen_kit::problem::Code;
use denizen_kit::seal::sha256;
use denizen_kit::task::Tasks;
use denizen_rpc::otp::v1::Purpose;
use denizen_rpc::place;
use serde_json::json;

use crate::support::{Peers, event, person, send_due, take, told, worlds};

#[tokio::test]
async fn who_registers_gets_one_mail_with_link_and_code() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("de-AT");
        let created = event(1, "user.created", &ada.to_string(), json!({ "verify_email": true }));
        take(&app, Role::Users, std::slice::from_ref(&created)).await;
        take(&app, Role::Users, std::slice::from_ref(&created)).await;
        assert_eq!(send_due(&app).await, 1, "the same event twice is one message");

        let mails = world.mailbox(Role::Gateway, "").await.unwrap();
        let [mail] = mails.as_slice() else { panic!("{mails:?}") };
        assert_eq!((mail.channel.as_str(), mail.to.as_str()), ("email", "Ada@example.test"));
        assert!(mail.subject.starts_with("Willkommen"), "{}", mail.subject);
        assert!(
            mail.text.contains("Guten Tag Ada Lovelace,") && mail.text.contains("\nIhr Code: 424242\n"),
            "{}",
            mail.text
        );
        assert!(
            mail.text.contains("\nhttps://id.example.test/console/verify?token=tok_EN-1\n"),
            "{}",
            mail.text
        );
        let issued = world.peers.issued.lock().unwrap().clone();
        let [issue] = issued.as_slice() else { panic!("{issued:?}") };
        assert_eq!((&issue.issue_id, &issue.user_id), (&mail.id, &ada.to_string()));
        assert_eq!(issue.purpose(), Purpose::VerifyEmail);
        assert_eq!(issue.target, sha256(b"email:Ada@example.test"));
        let expected = json!({ "notification_id": mail.id, "channel": "email", "template": "welcome" });
        assert_eq!(told(&app).await, [("notification.delivered".to_owned(), expected)]);
    }
}

#[tokio::test]
async fn the_mailbox_is_searched_and_kept_from_others() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        take(
            &app,
            Role::Users,
            &[
                event(1, "user.created", &ada, json!({ "verify_email": true })),
                event(2, "user.mobile_change_requested", &ada, json!({})),
            ],
        )
        .await;
        send_due(&app).await;
        for (to, channels) in [
            ("", vec!["sms", "email"]),
            ("ada@EXAMPLE.test", vec!["email"]),
            (" 4930123456", vec!["sms"]),
            ("eve@example.test", vec![]),
        ] {
            let found = world.mailbox(Role::Gateway, to).await.unwrap();
            let mut found: Vec<_> = found.iter().map(|message| message.channel.as_str()).collect();
            found.sort_by_key(|channel| *channel == "email");
            assert_eq!(found, channels, "{to:?}");
        }
        assert_eq!(world.mailbox(Role::Users, "").await.unwrap_err().code, Code::Forbidden);
        let _closed = world.start(|config| config.mailbox = false).await;
        assert_eq!(world.mailbox(Role::Gateway, "").await.unwrap_err().code, Code::NotFound);
    }
}

#[tokio::test]
async fn a_change_of_address_goes_to_the_new_and_is_told_to_the_old() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en");
        world.peers.change(ada, |contact| {
            contact.email_verified = true;
            contact.pending_email = "ada@new.test".into();
        });
        let subject = ada.to_string();
        take(
            &app,
            Role::Users,
            &[
                event(1, "user.email_verification_requested", &subject, json!({})),
                event(2, "user.email_change_requested", &subject, json!({})),
            ],
        )
        .await;
        send_due(&app).await;
        let mails = world.mailbox(Role::Gateway, "").await.unwrap();
        let [proof] = mails.as_slice() else { panic!("the proved address needs no proof: {mails:?}") };
        assert_eq!(proof.to, "ada@new.test");
        assert_eq!(world.peers.issued.lock().unwrap()[0].target, sha256(b"email:ada@new.test"));

        world.peers.change(ada, |contact| contact.email = std::mem::take(&mut contact.pending_email));
        let sealed = Peers::key(ada).seal_text(&place(ada, "users/email"), "Ada@example.test");
        let sealed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sealed);
        let changed = json!({ "old_email_sealed": sealed, "verify_email": false });
        take(&app, Role::Users, &[event(3, "user.email_changed", &subject, changed)]).await;
        send_due(&app).await;
        let mails = world.mailbox(Role::Gateway, "ada@example.test").await.unwrap();
        let [notice] = mails.as_slice() else { panic!("{mails:?}") };
        assert_eq!(notice.subject, "Your e-mail address was changed");
    }
}

#[tokio::test]
async fn resets_and_codes_go_where_they_were_asked_for() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        take(
            &app,
            Role::Password,
            &[event(1, "password.reset_due", &ada, json!({ "via": "link", "channel": "email" }))],
        )
        .await;
        send_due(&app).await;
        take(
            &app,
            Role::Password,
            &[event(2, "password.reset_due", &ada, json!({ "via": "otp", "channel": "sms" }))],
        )
        .await;
        send_due(&app).await;
        let otp_id = "0192aa00-0000-7000-8000-0000000000aa";
        world.peers.owners.lock().unwrap().insert(otp_id.into(), person(1));
        let due = json!({ "otp_id": otp_id, "channel": "email", "purpose": "login" });
        take(&app, Role::Otp, &[event(1, "otp.due", "", due)]).await;
        send_due(&app).await;

        let mails = world.mailbox(Role::Gateway, "ada@example.test").await.unwrap();
        let link = mails.iter().find(|mail| mail.subject == "Reset your password").unwrap();
        assert!(
            link.text.contains("\nhttps://id.example.test/console/reset?token=reset_TOK-1\n"),
            "{}",
            link.text
        );
        let [sms] = world.mailbox(Role::Gateway, "+4930123456").await.unwrap().try_into().unwrap();
        assert!(sms.text.contains("424242") && sms.html.is_empty() && sms.subject.is_empty(), "{}", sms.text);
        let mails = world.mailbox(Role::Gateway, "").await.unwrap();
        let code = mails.iter().find(|mail| mail.subject == "Your code for id.example.test").unwrap();
        assert!(code.text.contains("\nYour code: 424242\n"), "{}", code.text);
        let issued = world.peers.issued.lock().unwrap().clone();
        assert_eq!((issued[1].issue_id.as_str(), issued[1].purpose()), (otp_id, Purpose::Login));
        assert!(issued.iter().all(|issue| issue.target.is_empty()), "no address is proved by these");
    }
}

#[tokio::test]
async fn a_code_for_nobody_is_sent_to_nobody() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let due = json!({ "otp_id": "0192aa00-0000-7000-8000-0000000000aa", "channel": "email", "purpose": "login" });
        take(&app, Role::Otp, &[event(1, "otp.due", "", due)]).await;
        assert_eq!(send_due(&app).await, 1);
        assert!(world.mailbox(Role::Gateway, "").await.unwrap().is_empty());
        assert!(told(&app).await.is_empty(), "nothing tells that the identifier is unknown");
    }
}

#[tokio::test]
async fn neither_files_nor_events_hold_what_is_personal() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en");
        take(
            &app,
            Role::Users,
            &[event(1, "user.created", &ada.to_string(), json!({ "verify_email": true }))],
        )
        .await;
        send_due(&app).await;
        assert_eq!(world.mailbox(Role::Gateway, "").await.unwrap().len(), 1);
        app.db.close().await;
        let bytes = world.bytes();
        let id = ada.uuid().into_bytes();
        let found = bytes.windows(id.len()).any(|window| window == id);
        assert!(found || app.db.engine() == "postgres", "the files hold the message, by ids");
        for secret in ["example.test", "Lovelace", "424242", "tok_EN-1"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
}

#[tokio::test]
async fn erasure_takes_all_of_a_person() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        take(&app, Role::Users, &[event(1, "user.created", &ada, json!({ "verify_email": true }))]).await;
        send_due(&app).await;
        take(&app, Role::Users, &[event(2, "user.mobile_changed", &ada, json!({}))]).await;
        take(&app, Role::Users, &[event(3, "user.erased", &ada, json!({}))]).await;
        assert_eq!(send_due(&app).await, 0);
        assert!(world.mailbox(Role::Gateway, "").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_jobs_do_all_of_it_by_themselves() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en").to_string();
        let created = event(7, "user.created", &ada, json!({ "verify_email": true }));
        world.peers.log.lock().unwrap().insert("users".into(), vec![created]);
        let tasks = Tasks::new();
        let mut bell = app.db.bell();
        bell.mark_unchanged();
        app.db.start_jobs(&tasks, &app.clock);
        denizen_notify::start_jobs(&app, &tasks);
        // The bell rings when notification.delivered has its number.
        tokio::time::timeout(std::time::Duration::from_secs(10), bell.changed()).await.unwrap().unwrap();
        assert_eq!(world.mailbox(Role::Gateway, "").await.unwrap().len(), 1);
        tasks.stop().await;
        assert_eq!(world.peers.acknowledged.lock().unwrap().get("users"), Some(&7));
    }
}
