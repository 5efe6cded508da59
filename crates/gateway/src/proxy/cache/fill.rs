//! Errands that are run: for one alone, for all who wait, or in the background.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::body::{Piece, Tee};
use super::entry::Entry;
use super::errand::{Brought, Errand, Intake, is_for_all};
use super::flight::{Lead, Outcome};
use crate::faces::failure::Failure;

/// How long the body of an answer that is being kept may take. A slower one goes to its reader only.
const LONGEST_BODY: Duration = Duration::from_secs(60);

/// What an errand brings to who sent it.
#[derive(Debug)]
pub(super) enum Delivery {
    /// An answer of the upstream; whether it is being kept.
    Answer(Response, bool),
    /// What was kept still holds.
    Confirmed(Arc<Entry>),
    /// An error of the upstream.
    Error(Response),
    Failed(Failure),
}

// === impl Errand ===

impl Errand {
    /// Goes for all who wait, in a task of its own, which nobody who leaves can stop.
    pub(super) fn lead(self, lead: Lead) -> oneshot::Receiver<Delivery> {
        let (sender, receiver) = oneshot::channel();
        let tasks = self.store.tasks().clone();
        tasks.spawn("gateway.cache.fetch", async move {
            let brought = self.go_in_time().await;
            self.deliver(brought, Some(lead), sender).await;
        });
        receiver
    }

    /// Goes for one request.
    pub(super) async fn alone(self) -> Delivery {
        let brought = self.go().await;
        let (sender, receiver) = oneshot::channel();
        if let Brought::Keep(..) = brought {
            let tasks = self.store.tasks().clone();
            tasks.spawn("gateway.cache.keep", async move { self.deliver(brought, None, sender).await });
        } else {
            self.deliver(brought, None, sender).await;
        }
        receiver.await.unwrap_or_else(|_| Delivery::Failed(cut_off()))
    }

    /// Hands over what was brought; where it is kept, this ends when the body has.
    async fn deliver(self, brought: Brought, lead: Option<Lead>, sender: oneshot::Sender<Delivery>) {
        let (outcome, delivery) = match brought {
            Brought::Keep(response, intake) => return self.keep(response, *intake, (lead, sender)).await,
            Brought::Pass(response, why) => {
                tracing::trace!(why, "an answer is not kept");
                // "Not modified" answers a client's condition and says nothing of what is kept.
                if response.status() != StatusCode::NOT_MODIFIED {
                    self.store.flights().remember_not_shared(&self.place);
                }
                (Outcome::NotShared, Delivery::Answer(response, false))
            }
            Brought::Confirmed(entry, is_kept) => {
                if is_kept {
                    self.share_soon(&entry);
                }
                (self.outcome(&entry), Delivery::Confirmed(entry))
            }
            Brought::Error(response) => (Outcome::Failed(None), Delivery::Error(response)),
            Brought::Failed(failure) => {
                let shared = Some(failure.clone()).filter(is_for_all);
                let outcome = if shared.is_some() { Outcome::Failed(shared) } else { Outcome::NotShared };
                (outcome, Delivery::Failed(failure))
            }
        };
        if let Some(lead) = lead {
            lead.finish(outcome);
        }
        // Fails when who asked has left.
        let _ = sender.send(delivery);
    }

    /// Sends an answer on and keeps it.
    async fn keep(
        self,
        response: Response,
        intake: Intake,
        (lead, sender): (Option<Lead>, oneshot::Sender<Delivery>),
    ) {
        let (parts, body) = response.into_parts();
        let (pieces, tee) = Tee::pair();
        let _ = sender.send(Delivery::Answer(Response::from_parts(parts, tee), true));
        let Some(whole) = self.collect(body, &pieces).await else {
            self.store.flights().remember_not_shared(&self.place);
            return;
        };
        let entry = self.store_entry(intake, &whole);
        let outcome = entry.as_ref().map_or(Outcome::NotShared, |entry| self.outcome(entry));
        if let Some(lead) = lead {
            lead.finish(outcome);
        }
        // Only now, so that who has read an answer to its end finds it kept.
        let _ = pieces.send(Piece::End);
        if let Some(entry) = entry {
            self.store.share(&self.key, &entry).await;
        }
    }

    /// Reads a body, passing it on; none when it is not to be kept after all, and then its reader has the rest.
    async fn collect(&self, mut body: Body, pieces: &mpsc::UnboundedSender<Piece>) -> Option<Vec<u8>> {
        let deadline = Instant::now() + LONGEST_BODY;
        let mut whole = Vec::new();
        loop {
            let frame = match timeout_at(deadline, body.frame()).await {
                Ok(None) => return Some(whole),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    let _ = pieces.send(Piece::Failed(error));
                    return None;
                }
                Err(_) => {
                    let _ = pieces.send(Piece::Rest(body));
                    return None;
                }
            };
            // Trailers are no part of what is kept.
            let data = frame.data_ref();
            let is_kept = data.is_some_and(|data| whole.len() + data.len() <= self.store.max_entry());
            if let Some(data) = data.filter(|_| is_kept) {
                whole.extend_from_slice(data);
            }
            let _ = pieces.send(Piece::Frame(frame));
            if !is_kept {
                let _ = pieces.send(Piece::Rest(body));
                return None;
            }
        }
    }

    fn store_entry(&self, intake: Intake, whole: &[u8]) -> Option<Arc<Entry>> {
        let purges = intake.purges();
        let entry = Arc::new(self.entry(intake, whole)?);
        self.store.keep(&self.key, &entry, purges).then_some(entry)
    }

    /// Puts an answer on the server that nodes share, while nobody waits for it.
    fn share_soon(&self, entry: &Arc<Entry>) {
        let (store, key, entry) = (self.store.clone(), self.key.clone(), entry.clone());
        self.store.tasks().spawn("gateway.cache.share", async move { store.share(&key, &entry).await });
    }

    /// What those who wait get: an answer that is stale when it comes is for nobody else.
    fn outcome(&self, entry: &Arc<Entry>) -> Outcome {
        let flights = self.store.flights();
        if entry.is_shareable(self.store.now()) {
            flights.forget_not_shared(&self.place);
            return Outcome::Answer(entry.clone());
        }
        flights.remember_not_shared(&self.place);
        Outcome::NotShared
    }
}

/// The failure of an errand that was cut off: the node stops, or the errand itself is broken.
pub(super) fn cut_off() -> Failure {
    denizen_kit::problem::Problem::unavailable("the answer could not be fetched; repeat the request").into()
}
