//! Certificates by ACME (RFC 8555): one node at a time orders, all take over what is kept.

mod config;
mod http;
mod order;
mod proof;
mod schedule;
mod store;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use denizen_db::Db;
use denizen_kit::seal::{Key, random};
use denizen_kit::time::{Clock, after};
use denizen_tls::{BadTls, Certificate};
use uuid::Uuid;

use self::http::Http;
use super::Tls;
pub use config::{AcmeConfig, Challenge};
use order::Failure;
use schedule::Work;
use store::{Failed, Kept, State, Store};

/// How often what is kept is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long an order may take.
const ORDER: Duration = Duration::from_secs(240);

/// How long the right to order is held: longer than an order may take, so that no two nodes ever order at once.
const HOLD: Duration = Duration::from_secs(300);

/// Certificates by ACME.
pub struct Acme {
    config: AcmeConfig,
    store: Store,
    clock: Clock,
    http: Http,
    /// Tells this node from others.
    holder: Uuid,
    /// Names without a certificate.
    missing: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Acme {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acme").field("config", &self.config).finish_non_exhaustive()
    }
}

// === impl Acme ===

impl Acme {
    /// ACME as the settings say, with the gateway's database and the key that seals what is secret in it.
    pub fn open(config: &AcmeConfig, db: Db, key: Key, clock: Clock) -> Result<Self, BadTls> {
        let mut holder = [0; 16];
        random(&mut holder);
        let http = Http::new(config.ca.as_deref())?;
        Ok(Self {
            config: config.clone(),
            store: Store { db, key },
            clock,
            http,
            holder: Uuid::from_bytes(holder),
            missing: Mutex::default(),
        })
    }

    /// What health tells of names that cannot be served.
    pub(super) fn worries(&self) -> Vec<String> {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.iter().map(|name| format!("{name} has no certificate yet")).collect()
    }

    /// Follows what is kept, and orders what is due, until the node stops.
    pub(super) async fn run(&self, tls: &Tls) {
        let mut known = State::default();
        let mut was_up = true;
        loop {
            match self.look(tls, &mut known).await {
                Ok(()) => was_up = true,
                Err(error) => {
                    if std::mem::take(&mut was_up) {
                        tracing::warn!(%error, "certificates cannot be followed; the last ones stay in force");
                    }
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&self, tls: &Tls, known: &mut State) -> denizen_db::Result<()> {
        let state = self.take_over(tls, known).await?;
        if schedule::due(&self.config.domains, &state, self.clock.now()).is_none() {
            return Ok(());
        }
        let now = self.clock.now();
        if !self.store.take_lease(self.holder, now, after(now, HOLD)).await? {
            return Ok(());
        }
        // Who held the lease before may have done it.
        let state = self.take_over(tls, known).await?;
        let worked = match schedule::due(&self.config.domains, &state, self.clock.now()) {
            Some(Work::Order(name)) => self.try_order(&name, &state).await,
            Some(Work::Ask(kept)) => self.ask(tls, kept).await,
            None => Ok(()),
        };
        self.store.give_lease_back(self.holder).await?;
        worked?;
        self.take_over(tls, known).await.map(drop)
    }

    /// Takes over what others, or this node, have got.
    async fn take_over(&self, tls: &Tls, known: &mut State) -> denizen_db::Result<State> {
        let state = self.store.state().await?;
        let made = |state: &State| -> Vec<_> {
            state.kept.iter().map(|kept| (kept.name.clone(), kept.made_at)).collect()
        };
        if made(&state) != made(known) {
            let pairs = self.store.pairs().await?;
            let ours = pairs.iter().filter(|pair| self.config.domains.contains(&pair.name));
            let read = ours.filter_map(|pair| {
                let read = Certificate::parse(&pair.name, pair.chain.as_bytes(), pair.key.as_bytes());
                read.inspect_err(|error| tracing::error!(%error, "a certificate that is kept cannot be used"))
                    .ok()
            });
            tls.take_acme(read.collect());
            tracing::info!(count = state.kept.len(), "certificates by ACME were taken over");
        }
        let is_kept = |name: &&String| !state.kept.iter().any(|kept| kept.name == **name);
        let missing = self.config.domains.iter().filter(is_kept).cloned().collect();
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = missing;
        known.clone_from(&state);
        Ok(state)
    }

    async fn try_order(&self, name: &str, state: &State) -> denizen_db::Result<()> {
        let outcome = tokio::time::timeout(ORDER, self.order(name)).await;
        let outcome = outcome.unwrap_or(Err(Failure::Slow)).and_then(|pair| {
            let made = Certificate::parse(name, pair.chain.as_bytes(), pair.key.as_bytes())?;
            Ok((pair, made))
        });
        let now = self.clock.now();
        let result = if outcome.is_ok() { "ok" } else { "failed" };
        metrics::counter!("denizen_acme_orders_total", "result" => result).increment(1);
        match outcome {
            Ok((pair, made)) => {
                tracing::info!(name, until = %made.not_after, "a certificate was issued");
                let kept = Kept {
                    name: name.to_owned(),
                    made_at: now,
                    renew_at: schedule::renew_at(made.not_before, made.not_after),
                    ask_at: now,
                };
                self.store.keep(&pair, &kept).await
            }
            Err(error) => {
                let before = state.failed.iter().find(|failed| failed.name == name);
                let failures = before.map_or(0, |failed| failed.failures) + 1;
                let pause = schedule::pause(failures).max(self.http.take_retry_after());
                let next_at = after(now, pause);
                if error.is_without_account() {
                    self.store.forget_account(&self.config.directory).await?;
                }
                tracing::error!(name, %error, failures, %next_at, "a certificate could not be had; what is there stays in force");
                self.store.fail(&Failed { name: name.to_owned(), failures, next_at }).await
            }
        }
    }

    /// Asks the server whether it wants a certificate renewed earlier, as when it has to revoke it.
    async fn ask(&self, tls: &Tls, kept: Kept) -> denizen_db::Result<()> {
        let now = self.clock.now();
        let certificate = tls.by_acme(&kept.name);
        let wish = match &certificate {
            None => Ok(None),
            Some(certificate) => {
                tokio::time::timeout(ORDER, self.wish(certificate)).await.unwrap_or(Err(Failure::Slow))
            }
        };
        let kept = match wish {
            Ok(Some((start, end, again))) => Kept {
                renew_at: kept.renew_at.min(schedule::between(start, end)),
                ask_at: after(now, again.clamp(schedule::SOON, schedule::DAY)),
                ..kept
            },
            Ok(None) => Kept { ask_at: after(now, schedule::DAY), ..kept },
            Err(error) => {
                tracing::debug!(%error, "the ACME server did not say when to renew");
                Kept { ask_at: after(now, schedule::DAY / 4), ..kept }
            }
        };
        self.store.postpone(&kept).await
    }
}
