//! What services send, through the contract: sealed while it waits, honest about how it fared, replayed when it died.

use std::time::Duration;

use denizen_kit::caller::{Permission, Role};
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::notify::v1 as p;
use denizen_rpc::problem_from;

use crate::sink::{Mood, Sink};
use crate::support::{World, send_due, told, worlds};

const SEND: &[Permission] = &[Permission::NotificationsSend];
const READ: &[Permission] = &[Permission::NotificationsRead];
const MANAGE: &[Permission] = &[Permission::NotificationsManage];

fn mail(to: &str) -> p::SendNotificationRequest {
    p::SendNotificationRequest {
        channel: "email".into(),
        to: to.into(),
        subject: "Order {{id}}".into(),
        body: "Hello {{name}},\n\nit is on its <b>way</b>.".into(),
        data: r#"{"id": 7, "name": "Kirschkernweitspucker"}"#.into(),
        ..p::SendNotificationRequest::default()
    }
}

// === impl World ===

impl World {
    async fn queue(&self, message: p::SendNotificationRequest) -> Result<String, Problem> {
        // Ids tell the order of what is made at different times.
        self.clock.advance(Duration::from_millis(1));
        let answer = self.edge().notifications(&self.call_of(SEND)).send_notification(message).await;
        Ok(answer.map_err(problem_from)?.into_inner().notification_id)
    }

    async fn look_up(&self, id: &str) -> Result<p::Notification, Problem> {
        let request = p::GetNotificationRequest { id: id.to_owned() };
        let answer = self.edge().notifications(&self.call_of(READ)).get_notification(request).await;
        Ok(answer.map_err(problem_from)?.into_inner())
    }

    async fn report(&self, id: &str, status: &str, error: &str) -> Result<p::Notification, Problem> {
        let request = p::ReportStatusRequest {
            channel: "email".into(),
            notification_id: id.to_owned(),
            status: status.to_owned(),
            error: error.to_owned(),
            timestamp: None,
        };
        self.clock.advance(Duration::from_millis(1));
        let answer = self.edge().notifications(&self.call_of(SEND)).report_status(request).await;
        Ok(answer.map_err(problem_from)?.into_inner())
    }

    fn holds(&self, text: &str) -> bool {
        self.bytes().windows(text.len()).any(|window| window == text.as_bytes())
    }
}

#[tokio::test]
async fn a_stranger_gets_a_mail_that_waits_sealed() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let id = world.queue(mail("stranger.residue@example.test")).await.unwrap();
        assert_eq!(world.look_up(&id).await.unwrap().status, "queued");
        for sealed in ["stranger.residue", "Kirschkernweitspucker"] {
            assert!(!world.holds(sealed), "{sealed} lies open in the queue");
        }
        assert_eq!(send_due(&app).await, 1);
        let mails = world.mailbox(Role::Gateway, "stranger.residue@example.test").await.unwrap();
        let [mail] = mails.as_slice() else { panic!("{mails:?}") };
        assert_eq!((mail.id.as_str(), mail.subject.as_str()), (id.as_str(), "Order 7"));
        assert_eq!(mail.text, "Hello Kirschkernweitspucker,\n\nit is on its <b>way</b>.");
        assert!(mail.html.contains("on its &lt;b&gt;way&lt;"), "{}", mail.html);
        assert!(!world.holds("stranger.residue"), "what was caught is sealed too");
        let sent = world.look_up(&id).await.unwrap();
        assert_eq!((sent.status.as_str(), sent.attempts, sent.user_id.as_str()), ("sent", 1, ""));
        assert!(sent.sent_at.is_some());
    }
}

#[tokio::test]
async fn preferences_and_restriction_stop_what_services_send() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("de");
        world.peers.change(ada, |contact| contact.preferences.as_mut().unwrap().email = true);
        let notice = p::SendNotificationRequest {
            channel: "email".into(),
            user_id: ada.to_string(),
            template: "notice".into(),
            data: r#"{"title": "Neues", "text": "Es gibt Neues.", "link": "https://shop.test/7"}"#.into(),
            ..p::SendNotificationRequest::default()
        };
        world.queue(notice.clone()).await.unwrap();
        assert_eq!(send_due(&app).await, 1);
        let mails = world.mailbox(Role::Gateway, "ada@example.test").await.unwrap();
        assert_eq!(mails[0].text, "Guten Tag Ada Lovelace,\n\nEs gibt Neues.\n\nhttps://shop.test/7");

        // By her address, too: it belongs to her account.
        world.peers.change(ada, |contact| contact.preferences.as_mut().unwrap().email = false);
        let id = world.queue(mail("ADA@example.test")).await.unwrap();
        assert_eq!(send_due(&app).await, 1);
        let declined = world.look_up(&id).await.unwrap();
        assert_eq!((declined.status.as_str(), declined.user_id), ("declined", ada.to_string()));

        world.peers.change(ada, |contact| {
            contact.preferences.as_mut().unwrap().email = true;
            contact.restricted = true;
        });
        let id = world.queue(notice).await.unwrap();
        assert_eq!(send_due(&app).await, 1);
        assert_eq!(world.look_up(&id).await.unwrap().status, "declined");
        assert_eq!(world.mailbox(Role::Gateway, "").await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn the_devices_of_an_account_get_a_push_message() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en");
        world.peers.change(ada, |contact| {
            contact.preferences.as_mut().unwrap().push = true;
            contact.push_tokens.insert("phone".into(), "token-of-phone".into());
        });
        let push = p::SendNotificationRequest { channel: "push".into(), to: String::new(), ..mail("") };
        world.queue(p::SendNotificationRequest { user_id: ada.to_string(), ..push }).await.unwrap();
        assert_eq!(send_due(&app).await, 1);
        let mails = world.mailbox(Role::Gateway, "token-of-phone").await.unwrap();
        assert_eq!((mails[0].channel.as_str(), mails[0].subject.as_str()), ("push", "Order 7"));
    }
}

#[tokio::test]
async fn reports_move_a_status_on_and_never_back() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let id = world.queue(mail("ada@example.test")).await.unwrap();
        assert_eq!(send_due(&app).await, 1);
        assert_eq!(world.report(&id, "delivered", "").await.unwrap().status, "delivered");
        assert_eq!(world.report(&id, "sent", "").await.unwrap().status, "delivered");
        let bounced = world.report(&id, "bounced", "<reporter.residue@example.test> unknown").await.unwrap();
        assert_eq!((bounced.status.as_str(), bounced.reports.len()), ("bounced", 3));
        assert_eq!(bounced.reports[2].error, "<reporter.residue@example.test> unknown");
        assert!(!world.holds("reporter.residue"), "the words of reporters are sealed");

        let external = world.report("order-4711", "opened", "").await.unwrap();
        assert!(external.external && external.status == "opened" && external.user_id.is_empty());
        assert_eq!(world.look_up("order-4711").await.unwrap().id, "order-4711");
        assert_eq!(world.look_up("order-4712").await.unwrap_err().code, Code::NotFound);
        for bad in ["arrived", "declined", ""] {
            assert_eq!(world.report(&id, bad, "").await.unwrap_err().code, Code::ValidationFailed, "{bad}");
        }
    }
}

#[tokio::test]
async fn a_dead_letter_is_sent_again_or_thrown_away() {
    for world in worlds() {
        let (sink, url) = Sink::start(Mood::Answers("550 no")).await;
        let app = world.start(|config| config.smtp_url = Some(url.parse().unwrap())).await;
        let (first, second) = (
            world.queue(mail("a@example.test")).await.unwrap(),
            world.queue(mail("b@example.test")).await.unwrap(),
        );
        assert_eq!(send_due(&app).await, 2);
        assert_eq!(world.look_up(&first).await.unwrap().status, "failed");
        let links = world.edge();
        let manager = || links.dead_letters(&world.call_of(MANAGE));
        let list = async || {
            let page = manager().list_dead_letters(p::ListDeadLettersRequest::default()).await.unwrap();
            page.into_inner().items.into_iter().map(|item| item.id).collect::<Vec<_>>()
        };
        assert_eq!(list().await, [second.clone(), first.clone()]);

        let delete = p::DeleteDeadLetterRequest { id: second };
        manager().delete_dead_letter(delete.clone()).await.unwrap();
        let again = manager().delete_dead_letter(delete).await.unwrap_err();
        assert_eq!(problem_from(again).code, Code::NotFound);

        sink.set(Mood::Takes);
        let replay = p::ReplayDeadLetterRequest { id: first.clone() };
        let queued = manager().replay_dead_letter(replay).await.unwrap().into_inner();
        assert_eq!((queued.status.as_str(), queued.attempts), ("queued", 0));
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(send_due(&app).await, 1);
        assert_eq!(sink.mails.lock().unwrap().len(), 1);
        assert_eq!(world.look_up(&first).await.unwrap().status, "sent");
        assert!(list().await.is_empty());
        let told: Vec<String> = told(&app).await.into_iter().map(|(kind, _)| kind).collect();
        for kind in ["requested", "dead", "discarded", "replayed", "delivered"] {
            assert!(told.contains(&format!("notification.{kind}")), "{kind} in {told:?}");
        }
    }
}

#[tokio::test]
async fn lists_hold_what_was_asked_for_page_by_page() {
    for world in worlds() {
        let app = world.start(|_| {}).await;
        let ada = world.peers.ada("en");
        let mut ids = Vec::new();
        for to in ["a@example.test", "Ada@example.test", "b@example.test"] {
            ids.push(world.queue(mail(to)).await.unwrap());
        }
        let links = world.edge();
        let list = async |request: p::ListNotificationsRequest| {
            links.notifications(&world.call_of(READ)).list_notifications(request).await.unwrap().into_inner()
        };
        let first = list(p::ListNotificationsRequest { limit: 2, ..Default::default() }).await;
        assert_eq!(first.items.iter().map(|item| &item.id).collect::<Vec<_>>(), [&ids[2], &ids[1]]);
        let cursor = first.next_cursor;
        let second = list(p::ListNotificationsRequest { limit: 2, cursor, ..Default::default() }).await;
        assert_eq!((second.items[0].id.as_str(), second.next_cursor.as_str()), (ids[0].as_str(), ""));
        let hers = list(p::ListNotificationsRequest { user_id: ada.to_string(), ..Default::default() }).await;
        assert_eq!((hers.items.len(), hers.items[0].id.as_str()), (1, ids[1].as_str()));
        send_due(&app).await;
        let waiting =
            list(p::ListNotificationsRequest { status: "queued".into(), ..Default::default() }).await;
        assert!(waiting.items.is_empty());
    }
}
