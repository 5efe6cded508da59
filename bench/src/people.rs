//! The accounts of a run, and their sessions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use http::HeaderValue;
use serde_json::json;
use tokio::task::JoinSet;

use crate::http1::{Connection, Outgoing};
use crate::load::{Round, Target, Window, drive};
use crate::node::{ADMIN, PASSWORD};
use crate::process::{self, Settled};
use crate::sources::{Creations, Registrations, Source};
use crate::{Options, hash, tell};

/// How many requests are under way while accounts are opened (`quality.md` asks for 64).
const IN_FLIGHT: u32 = 64;

/// How many accounts are registered when none can be opened with a hash: each costs one.
const FALLBACK: u32 = 300;

/// How many log in at once to get sessions.
const LOGINS: u32 = 16;

/// Longest that accounts may take to be opened.
const LONGEST: Duration = Duration::from_secs(3_600);

const FIRST: [&str; 24] = [
    "Ada", "Bruno", "Carla", "Dmitri", "Elena", "Farid", "Greta", "Hanno", "Ines", "Jakob", "Kaya", "Leon",
    "Mira", "Nils", "Olga", "Pablo", "Quentin", "Rosa", "Selim", "Tessa", "Ulrich", "Vera", "Wanda", "Yusuf",
];

const LAST: [&str; 24] = [
    "Abel", "Berger", "Castro", "Dahl", "Ekman", "Fischer", "Garcia", "Haas", "Ivanov", "Jensen", "Kaya",
    "Lang", "Moreau", "Novak", "Okafor", "Popov", "Quist", "Rossi", "Silva", "Tanaka", "Ueda", "Vogel",
    "Weber", "Zimmer",
];

/// The accounts of a run.
#[derive(Debug)]
pub(crate) struct People {
    /// The administrator's token.
    pub(crate) admin: HeaderValue,
    /// How many accounts have an address of [`email`].
    pub(crate) count: u32,
    /// Rounds of opening accounts with a hash; none when that was refused.
    pub(crate) creations: Vec<Round>,
    /// What followed the last of them.
    pub(crate) drained: Option<Settled>,
    /// Why accounts were registered instead.
    pub(crate) refused: Option<String>,
}

/// A person's session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The value of `Authorization`.
    pub(crate) bearer: HeaderValue,
    /// The refresh token.
    pub(crate) refresh: String,
}

/// Address of an account.
pub(crate) fn email(number: u32) -> String {
    format!("user{number}@bench.example")
}

/// Address of somebody who registers under load.
pub(crate) fn new_email(number: u32) -> String {
    format!("new{number}@bench.example")
}

/// Name of an account: 576 different ones.
pub(crate) fn name(number: u32) -> String {
    let number = usize::try_from(number).unwrap_or_default();
    format!("{} {}", FIRST[number % FIRST.len()], LAST[(number / FIRST.len()) % LAST.len()])
}

/// Starts of names, in turn one of a 24th of the accounts (three letters) and one of a 576th.
pub(crate) fn prefix(at: usize) -> String {
    let first = FIRST[(at / 2) % FIRST.len()];
    if at.is_multiple_of(2) {
        return first.chars().take(3).collect::<String>().to_lowercase();
    }
    let last = LAST[(at / 2 / FIRST.len()) % LAST.len()];
    format!("{first} {}", &last[..2])
}

/// A login.
pub(crate) fn login(identifier: &str) -> Outgoing {
    Outgoing::post("/api/v1/auth/login", &json!({ "identifier": identifier, "password": PASSWORD }), 200)
}

/// An account opened by the administrator.
pub(crate) fn creation(number: u32, hash: &str, admin: &HeaderValue) -> Outgoing {
    let body = json!({ "name": name(number), "email": email(number), "password_hash": hash, "email_verified": true });
    Outgoing::post("/api/v1/admin/users", &body, 201).with_bearer(admin)
}

// === impl Session ===

impl Session {
    /// Logs in.
    pub(crate) async fn open(connection: &mut Connection, identifier: &str) -> anyhow::Result<Self> {
        let answer = connection.call(&login(identifier)).await?;
        let access = answer.text("access_token").context("a login without an access token")?;
        let refresh = answer.text("refresh_token").context("a login without a refresh token")?.to_owned();
        Ok(Self { bearer: HeaderValue::try_from(format!("Bearer {access}"))?, refresh })
    }

    /// Logs the administrator in; right after a start the services may still be finding each other.
    pub(crate) async fn of_admin(address: SocketAddr) -> anyhow::Result<Self> {
        let mut connection = Connection::open(address).await?;
        let mut last = Self::open(&mut connection, ADMIN).await;
        for _ in 0..50 {
            if last.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            last = Self::open(&mut connection, ADMIN).await;
        }
        last.context("the administrator cannot log in")
    }

    /// Logs the first so many people in, once each, in their order.
    pub(crate) async fn of_people(address: SocketAddr, count: u32) -> anyhow::Result<Vec<Self>> {
        let next = Arc::new(AtomicU32::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..LOGINS {
            let next = next.clone();
            tasks.spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut sessions = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return anyhow::Ok(sessions);
                    }
                    sessions.push((number, Self::open(&mut connection, &email(number)).await?));
                }
            });
        }
        let mut all = Vec::new();
        for sessions in tasks.join_all().await {
            all.extend(sessions?);
        }
        all.sort_by_key(|(number, _)| *number);
        Ok(all.into_iter().map(|(_, session)| session).collect())
    }
}

// === impl People ===

impl People {
    /// Opens the accounts of a run, in as many parts as there are rounds, measured.
    pub(crate) async fn open(target: Target, options: &Options) -> anyhow::Result<Self> {
        let admin = Session::of_admin(target.address).await?.bearer;
        let hash: Arc<str> = hash::phc(PASSWORD)?.into();
        let probe = Connection::open(target.address).await?.send(&creation(0, &hash, &admin)).await?;
        if probe.status != 201 {
            return Self::register(target, admin, probe.what()).await;
        }
        let mut creations = Vec::new();
        let mut drained = None;
        for part in 0..options.rounds {
            let share = |part: u32| 1 + (options.users.saturating_sub(1)) / options.rounds * part;
            let end = if part + 1 == options.rounds { options.users } else { share(part + 1) };
            let next = Arc::new(AtomicU32::new(share(part)));
            tell(&format!("  opening accounts: {end} of {}", options.users));
            let of_each = |_| -> Box<dyn Source> {
                Box::new(Creations { next: next.clone(), end, hash: hash.clone(), admin: admin.clone() })
            };
            let (round, _) = drive(target, (0..IN_FLIGHT).map(of_each).collect(), unmeasured()).await?;
            creations.push(round);
            drained = Some(process::settle(target.pid).await?);
        }
        let failures: u32 = creations.iter().map(|round| round.failures).sum();
        let what = creations.iter().find_map(|round| round.failure.clone()).unwrap_or_default();
        anyhow::ensure!(failures == 0, "{failures} accounts could not be opened: {what}");
        // A long seeding outlives the first token.
        let admin = Session::of_admin(target.address).await?.bearer;
        Ok(Self { admin, count: options.users, creations, drained, refused: None })
    }

    async fn register(target: Target, admin: HeaderValue, refused: String) -> anyhow::Result<Self> {
        tell(&format!("  POST /api/v1/admin/users answered {refused}: registering {FALLBACK} instead"));
        let next = Arc::new(AtomicU32::new(0));
        let of_each = |_| -> Box<dyn Source> {
            Box::new(Registrations { next: next.clone(), end: FALLBACK, address: email })
        };
        let (round, _) = drive(target, (0..LOGINS).map(of_each).collect(), unmeasured()).await?;
        let what = round.failure.unwrap_or_default();
        anyhow::ensure!(
            round.requests == FALLBACK,
            "only {} accounts could be registered: {what}",
            round.requests
        );
        process::settle(target.pid).await?;
        Ok(Self { admin, count: FALLBACK, creations: Vec::new(), drained: None, refused: Some(refused) })
    }
}

/// From the first request to the last, however long it takes.
const fn unmeasured() -> Window {
    Window { warm_up: Duration::ZERO, length: LONGEST, pace: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_of_names() {
        let names: Vec<String> = (0..576).map(|number| name(number).to_lowercase()).collect();
        for at in 0..1_200 {
            let prefix = prefix(at).to_lowercase();
            assert!(names.iter().any(|name| name.starts_with(&prefix)), "{prefix}");
        }
        let different: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), 576);
    }
}
