//! The mail server's address, and a server in the test that takes, puts off, refuses or keeps silent.

use std::sync::atomic::Ordering;

use denizen_kit::time::Timestamp;
use tokio::net::TcpListener;

use super::*;
use crate::mail;
use crate::model::{Letter, MessageId};

#[path = "../tests/it/sink.rs"]
mod sink;

use sink::{Mood, Sink};

async fn start(mood: Mood) -> (Sink, Smtp) {
    let (sink, url) = Sink::start(mood).await;
    (sink, Smtp::new(url.parse().unwrap(), Duration::from_millis(500), 4))
}

fn letter() -> Message {
    let from = "Denizen <no-reply@id.example.test>".parse().unwrap();
    let letter = Letter {
        to: "ada@example.test".into(),
        subject: "Hello".into(),
        text: "Your code: 123456\n.\nMAIL FROM:<eve@evil.test>\n".into(),
        html: "<p>123456</p>".into(),
    };
    mail::build(&from, "id.example.test", MessageId::nil(), &letter, Timestamp::UNIX_EPOCH).unwrap()
}

#[tokio::test]
async fn mails_arrive_whole_and_use_one_connection() {
    let (sink, smtp) = start(Mood::Takes).await;
    for _ in 0..3 {
        smtp.send(&letter()).await.unwrap();
    }
    let mails = sink.mails.lock().unwrap().clone();
    assert_eq!(mails.len(), 3);
    for (recipients, text) in mails {
        assert_eq!(recipients, ["RCPT TO:<ada@example.test>"]);
        assert!(
            text.contains("Your code: 123456\r\n..\r\nMAIL FROM"),
            "a lone dot must not end the mail: {text}"
        );
    }
    assert_eq!(sink.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_the_server_says_decides() {
    let (sink, smtp) = start(Mood::Takes).await;
    for (answer, expected) in [
        ("450 mailbox busy", Failure::temporary("smtp_busy")),
        ("421 going down", Failure::temporary("smtp_busy")),
        ("550 <ada@example.test> unknown", Failure::permanent("smtp_refused")),
        ("552 too large", Failure::permanent("smtp_refused")),
        ("530 log in first", Failure::temporary("smtp_login")),
        ("nonsense", Failure::temporary("smtp_broken")),
    ] {
        sink.set(Mood::Answers(answer));
        assert_eq!(smtp.send(&letter()).await, Err(expected), "{answer}");
    }
    sink.set(Mood::Takes);
    assert_eq!(smtp.send(&letter()).await, Ok(()), "it heals");
    let (_sink, smtp) = start(Mood::Greets("554 no service")).await;
    assert_eq!(smtp.send(&letter()).await, Err(Failure::temporary("smtp_login")), "no mail dies of it");
}

#[tokio::test]
async fn a_silent_server_is_cut_off_and_its_connection_never_used_again() {
    let (sink, smtp) = start(Mood::Silent).await;
    let started = Instant::now();
    assert_eq!(smtp.send(&letter()).await, Err(Failure::temporary("smtp_timeout")));
    assert!(started.elapsed() < Duration::from_secs(5));
    sink.set(Mood::Takes);
    smtp.send(&letter()).await.unwrap();
    assert_eq!(sink.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn nobody_listening_is_temporary() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let smtp = Smtp::new(format!("smtp://127.0.0.1:{port}").parse().unwrap(), Duration::from_secs(2), 1);
    assert_eq!(smtp.send(&letter()).await, Err(Failure::temporary("smtp_unreachable")));
}

#[tokio::test]
async fn a_server_without_tls_gets_no_mail_that_needs_it() {
    let (sink, plain) = start(Mood::Takes).await;
    let SmtpUrl { host, port, .. } = plain.url.clone();
    let url = format!("smtp://user:secret@{host}:{port}?tls=required").parse().unwrap();
    let smtp = Smtp::new(url, Duration::from_secs(2), 1);
    assert_eq!(smtp.send(&letter()).await, Err(Failure::temporary("smtp_setup")));
    assert!(sink.mails.lock().unwrap().is_empty());
}

#[test]
fn only_loopback_goes_without_tls_unless_it_is_said() {
    for (url, tls, port) in [
        ("smtps://user:pass@mail.example.test", Tls::Wrapped, 465),
        ("smtp://user:pass@mail.example.test", Tls::Required, 587),
        ("smtp://mail.example.test:2525", Tls::Required, 2525),
        ("smtp://mail.example.test?tls=opportunistic", Tls::Offered, 587),
        ("smtp://mail:1025?tls=none", Tls::None, 1025),
        ("smtp://localhost:1025", Tls::None, 1025),
        ("smtp://127.0.0.1", Tls::None, 25),
        ("smtp://[::1]:1025", Tls::None, 1025),
        ("smtp://127.0.0.1?tls=required", Tls::Required, 587),
    ] {
        let parsed: SmtpUrl = url.parse().unwrap();
        assert_eq!((parsed.tls(), parsed.port), (tls, port), "{url}");
    }
    for bad in [
        "",
        "mail.example.test",
        "http://mail",
        "smtp://",
        "smtp://m?tls=maybe",
        "smtps://m?tls=none",
        "smtp://u:%zz@m",
    ] {
        assert!(bad.parse::<SmtpUrl>().is_err(), "{bad}");
    }
}

#[test]
fn passwords_are_decoded_and_never_shown() {
    let url: SmtpUrl = "smtps://ada%40example.test:p%25s%3A%C3%A4@[2001:db8::1]".parse().unwrap();
    assert_eq!(url.credentials, Some(Credentials::new("ada@example.test".into(), "p%s:ä".into())));
    assert_eq!(url.host, "2001:db8::1");
    assert!(!format!("{url:?}").contains("p%s"));
}
