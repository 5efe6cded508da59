//! The keyring on the way between processes: what a process without it, a gateway above all, is given by the services.
//!
//! The slots are shown to whoever asks within the network of the processes: they are sealed, and nobody without a
//! master key can sign a call before the slots are there. For the same reason they cannot be forged.

use std::time::Duration;

use anyhow::Context as _;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_kit::task::Tasks;
use denizen_tls::LinkTls;
use serde_json::{Value, json};
use tonic::transport::Channel;
use tower::ServiceExt as _;

use super::Keyring;
use super::store::Slot;
use crate::config::Config;

/// Where a process shows its slots to others.
pub(crate) const PATH: &str = "/keyring";

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(2);

/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// Answers another process.
pub(crate) async fn show(keyring: Keyring) -> Response {
    match keyring.shown().await {
        Ok(shown) => Json(to_json(&shown)).into_response(),
        Err(error) => {
            tracing::warn!(%error, "the keyring cannot be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// A keyring as others see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) slots: Vec<Slot>,
    /// The root is the first master key itself.
    pub(crate) is_first_master: bool,
}

/// What the others say.
pub(crate) enum Told {
    /// These are the slots.
    Slots(Shown),
    /// They run a program from before there were keyrings: the master key is the root.
    Older,
    /// Nobody answers, or nobody has a keyring yet.
    Nothing,
}

/// The services that run elsewhere.
pub(crate) struct Peers {
    channels: Vec<Channel>,
    tasks: Tasks,
}

// === impl Peers ===

impl Peers {
    /// Those of the settings.
    pub(crate) fn of(config: &Config) -> anyhow::Result<Self> {
        let tasks = Tasks::new();
        let tls = config.links.as_ref().map(LinkTls::open).transpose().context("services.tls")?;
        let elsewhere = config.services.iter().filter(|(role, _)| !config.roles.has(**role));
        let channel = |targets| denizen_upstream::channel_with(targets, tls.as_ref(), &tasks);
        let channels = elsewhere.map(|(_, targets)| channel(targets)).collect();
        Ok(Self { channels, tasks })
    }

    /// Asks all of them. A rotation that has reached only some of their databases shows in different slots.
    pub(crate) async fn ask(&self) -> Told {
        let answers = futures::future::join_all(self.channels.iter().cloned().map(ask)).await;
        let mut all = Shown::default();
        let mut is_older = false;
        for told in answers {
            match told {
                Told::Slots(more) => {
                    all.slots.extend(more.slots);
                    all.is_first_master |= more.is_first_master;
                }
                Told::Older => is_older = true,
                Told::Nothing => {}
            }
        }
        match (all.slots.is_empty(), is_older) {
            (false, _) => Told::Slots(all),
            (true, true) => Told::Older,
            (true, false) => Told::Nothing,
        }
    }

    /// Ends the connections.
    pub(crate) async fn close(self) {
        drop(self.channels);
        self.tasks.stop().await;
    }
}

async fn ask(channel: Channel) -> Told {
    let Ok(request) = Request::get(PATH).body(tonic::body::Body::empty()) else { return Told::Nothing };
    let answer = tokio::time::timeout(LIMIT, async {
        let answer = channel.oneshot(request).await.ok()?;
        let is_good = answer.status() == StatusCode::OK;
        // A program that does not know the path takes it for a call that nobody has signed.
        if is_good && answer.headers().contains_key("grpc-status") {
            return Some(Told::Older);
        }
        let body = axum::body::to_bytes(Body::new(answer.into_body()), LONGEST).await.ok()?;
        let shown = from_json(&serde_json::from_slice(&body).ok()?)?;
        (is_good && !shown.slots.is_empty()).then_some(Told::Slots(shown))
    });
    answer.await.ok().flatten().unwrap_or(Told::Nothing)
}

fn to_json(shown: &Shown) -> Value {
    let slots = shown.slots.iter().map(|slot| {
        let wrapped = STANDARD.encode(&slot.wrapped);
        json!({ "name": slot.name, "wrapped": wrapped, "made_at": slot.made_at.to_string() })
    });
    json!({ "slots": slots.collect::<Vec<_>>(), "is_first_master": shown.is_first_master })
}

fn from_json(answer: &Value) -> Option<Shown> {
    let slots = answer["slots"].as_array()?.iter().map(|slot| {
        Some(Slot {
            name: slot["name"].as_str()?.to_owned(),
            wrapped: STANDARD.decode(slot["wrapped"].as_str()?).ok()?,
            made_at: slot["made_at"].as_str()?.parse().ok()?,
        })
    });
    let slots = slots.collect::<Option<Vec<_>>>()?;
    Some(Shown { slots, is_first_master: answer["is_first_master"].as_bool()? })
}

#[cfg(test)]
mod tests {
    use denizen_kit::time::Timestamp;

    use super::*;

    #[test]
    fn a_keyring_arrives_as_it_was() {
        let slot = Slot { name: "0af3".to_owned(), wrapped: vec![1, 2, 255], made_at: Timestamp::UNIX_EPOCH };
        for is_first_master in [false, true] {
            let shown = Shown { slots: vec![slot.clone()], is_first_master };
            assert_eq!(from_json(&to_json(&shown)), Some(shown));
        }
        for other in [json!({ "slots": [{ "name": "0af3" }] }), json!({ "status": "ok" }), json!(null)] {
            assert_eq!(from_json(&other), None);
        }
    }
}
