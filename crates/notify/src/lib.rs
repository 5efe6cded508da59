#![doc = include_str!("../README.md")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use denizen_db::{Db, Migration};
use denizen_kit::seal::{Key, Master};
use denizen_kit::task::Tasks;
use denizen_kit::time::Clock;
use denizen_rpc::notify::internal::v1::mailbox_server::MailboxServer;
use denizen_rpc::{KeyRing, Links};
use tokio::sync::Notify;

pub mod compose;
mod config;
pub mod draft;
pub mod error;
pub mod events;
mod jobs;
mod kinds;
pub mod mail;
pub mod model;
pub mod names;
pub mod ops;
mod rpc;
pub mod smtp;
mod sources;
pub mod store;
pub mod templates;

pub use config::Config;

use model::Channel;
use rpc::MailboxService;
use smtp::Smtp;
use templates::Templates;

/// The steps of the database.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_notify", sql: include_str!("../migrations/0001_notify.sql") }];

/// Keys that notify seals and searches with.
#[derive(Clone, Debug)]
pub struct Keys {
    /// People's keys: what is kept of a message is sealed to its reader.
    pub ring: KeyRing,
    /// Digests of addresses in the mailbox.
    pub index: Key,
}

// === impl Keys ===

impl Keys {
    /// The keys that follow from the master key, and people's keys as users gives them.
    pub fn new(master: &Master, links: &Links) -> Self {
        Self { ring: KeyRing::new(links.clone()), index: master.service("notify/mailbox") }
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
    /// Wakes the sender.
    bell: Notify,
    sms_waits: AtomicBool,
}

/// How messages of a channel leave.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way<'a> {
    /// To the mail server.
    Smtp(&'a Smtp),
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
        let (bell, sms_waits) = (Notify::new(), AtomicBool::new(false));
        Self { db, links, clock, config, keys, templates, smtp, bell, sms_waits }
    }

    /// How messages of a channel leave; none: they wait for a provider.
    pub(crate) fn way(&self, channel: Channel) -> Option<Way<'_>> {
        let mailbox = self.config.mailbox.then_some(Way::Mailbox);
        match channel {
            Channel::Email => self.smtp.as_ref().map(Way::Smtp).or(mailbox),
            Channel::Sms => mailbox,
        }
    }

    /// Remembers that a message waits for a provider, for [`degraded`].
    pub(crate) fn note_waiting(&self, channel: Channel) {
        if channel == Channel::Sms {
            self.sms_waits.store(true, Ordering::Relaxed);
        }
    }
}

/// Adds the services of notify.
pub fn add_routes(app: &Arc<App>, routes: &mut tonic::service::RoutesBuilder) {
    routes.add_service(MailboxServer::new(MailboxService(app.clone())));
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
    let waits = app.way(Channel::Sms).is_none() && app.sms_waits.load(Ordering::Relaxed);
    waits.then(|| "text messages wait: there is no provider for them".to_owned())
}
