#![doc = include_str!("../README.md")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use denizen_db::{Db, Migration};
use denizen_kit::seal::{Key, Root};
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::notify::internal::v1::mailbox_server::MailboxServer;
use denizen_rpc::notify::internal::v1::notify_records_server::NotifyRecordsServer;
use denizen_rpc::notify::v1::dead_letters_server::DeadLettersServer;
use denizen_rpc::notify::v1::notifications_server::NotificationsServer;
use denizen_rpc::{KeyRing, Links};
use tokio::sync::Notify;

mod breaker;
pub mod compose;
mod config;
mod custom;
pub mod draft;
pub mod error;
pub mod events;
mod jobs;
mod kinds;
pub mod mail;
pub mod model;
pub mod names;
pub mod ops;
mod report;
mod rpc;
pub mod smtp;
mod sources;
pub mod store;
pub mod templates;
mod wish;

pub use breaker::Rule;
pub use config::Config;

use breaker::Breaker;
use model::Channel;
use rpc::{DeadLettersService, MailboxService, NotificationsService, RecordsService};
use smtp::Smtp;
use templates::Templates;

/// The steps of the database.
pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_notify", sql: include_str!("../migrations/0001_notify.sql") },
    Migration { name: "0002_notifications", sql: include_str!("../migrations/0002_notifications.sql") },
];

/// Keys that notify seals and searches with.
#[derive(Clone, Debug)]
pub struct Keys {
    /// People's keys: what is kept of a message is sealed to its reader.
    pub ring: KeyRing,
    /// Digests of addresses in the mailbox.
    pub index: Key,
    /// Seals what concerns addresses that belong to no account, and what reporters write.
    pub strangers: Key,
}

// === impl Keys ===

impl Keys {
    /// The keys that follow from the root, and people's keys as users gives them.
    pub fn new(root: &Root, links: &Links) -> Self {
        Self {
            ring: KeyRing::new(links.clone()),
            index: root.service("notify/mailbox"),
            strangers: root.service("notify/strangers"),
        }
    }
}

/// The service.
#[derive(Debug)]
pub struct App {
    /// Its database.
    pub db: Db,
    /// Links to the other services, as notify.
    pub links: Links,
    /// Time.
    pub clock: Clock,
    /// Settings.
    pub config: Config,
    /// Keys.
    pub keys: Keys,
    templates: Templates,
    smtp: Option<Smtp>,
    smtp_breaker: Breaker,
    /// Wake the senders, one for each channel.
    bells: [Notify; Channel::ALL.len()],
    /// Whether messages of a channel wait for a provider.
    waits: [AtomicBool; Channel::ALL.len()],
}

/// How messages of a channel leave.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way<'a> {
    /// To the mail server, unless it is down.
    Smtp(&'a Smtp, &'a Breaker),
    /// Into the mailbox.
    Mailbox,
}

// === impl App ===

impl App {
    /// The service of these parts.
    ///
    /// # Panics
    /// Never in a build whose tests passed: the templates are part of the binary, and a test reads each.
    pub fn new(db: Db, links: Links, clock: Clock, config: Config, keys: Keys) -> Self {
        let templates = Templates::new().expect("the templates are part of the binary and a test reads each");
        let smtp = config.smtp_url.clone().map(|url| Smtp::new(url, config.smtp_timeout, config.concurrency));
        let smtp_breaker = Breaker::new(config.breaker);
        let (bells, waits) =
            (Channel::ALL.map(|_| Notify::new()), Channel::ALL.map(|_| AtomicBool::new(false)));
        Self { db, links, clock, config, keys, templates, smtp, smtp_breaker, bells, waits }
    }

    /// How messages of a channel leave; none: they wait for a provider.
    pub(crate) fn way(&self, channel: Channel) -> Option<Way<'_>> {
        let mailbox = self.config.mailbox.then_some(Way::Mailbox);
        match channel {
            Channel::Email => self.smtp.as_ref().map(|smtp| Way::Smtp(smtp, &self.smtp_breaker)).or(mailbox),
            Channel::Sms | Channel::Push => mailbox,
        }
    }

    /// How many more messages of a channel may be begun now, with so many under way; when the provider is down, after
    /// which time one may.
    pub(crate) fn room(&self, channel: Channel, under_way: usize) -> Result<usize, Duration> {
        let free = self.config.concurrency.saturating_sub(under_way);
        match self.way(channel) {
            Some(Way::Smtp(_, breaker)) => breaker.room(free, self.clock.now()),
            Some(Way::Mailbox) | None => Ok(free),
        }
    }

    /// What wakes the sender of a channel.
    pub(crate) fn bell(&self, channel: Channel) -> &Notify {
        &self.bells[channel.place()]
    }

    /// Wakes all senders.
    pub(crate) fn ring(&self) {
        self.bells.iter().for_each(Notify::notify_one);
    }

    /// Remembers that a message waits for a provider, for [`degraded`].
    pub(crate) fn note_waiting(&self, channel: Channel) {
        self.waits[channel.place()].store(true, Ordering::Relaxed);
    }
}

/// Adds the services of notify.
pub fn add_routes(app: &Arc<App>, routes: &mut tonic::service::RoutesBuilder) {
    routes.add_service(MailboxServer::new(MailboxService(app.clone())));
    routes.add_service(NotifyRecordsServer::new(RecordsService(app.clone())));
    routes.add_service(NotificationsServer::new(NotificationsService(app.clone())));
    routes.add_service(DeadLettersServer::new(DeadLettersService(app.clone())));
}

/// Starts following events, sending and cleaning up.
pub fn start_jobs(app: &Arc<App>, tasks: &Tasks) {
    jobs::start(app, tasks);
}

/// What does not work now, for `/health`: a channel without a provider. Nothing is lost, messages wait.
pub fn degraded(app: &App) -> Option<String> {
    if app.way(Channel::Email).is_none() {
        return Some("mails wait: set notify.smtp.url".to_owned());
    }
    if app.smtp_breaker.is_open() {
        return Some("mails wait: the mail server does not take them; look at notify.smtp.url".to_owned());
    }
    let waits =
        |channel: Channel| app.way(channel).is_none() && app.waits[channel.place()].load(Ordering::Relaxed);
    let named = [(Channel::Sms, "text messages"), (Channel::Push, "push messages")];
    let waiting = named.into_iter().find(|(channel, _)| waits(*channel));
    waiting.map(|(_, name)| format!("{name} wait: there is no provider for them"))
}
