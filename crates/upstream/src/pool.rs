//! Which targets take calls: those that answer. When none does, calls are made to fail at once.

use std::collections::HashMap;

use tokio::sync::mpsc;
use tonic::transport::Endpoint;
use tonic::transport::channel::Change;

/// How many changes wait for the balancer at most.
pub(crate) const CHANGES: usize = 64;

/// Port 0 is never listened on (RFC 6335 §6), so connecting fails at once and so does each call that comes here.
const NOWHERE: &str = "http://127.0.0.1:0";

/// What is known of a target.
#[derive(Debug)]
pub(crate) enum State {
    /// Nobody knows yet.
    Trying,
    /// It answers.
    Up(Box<Endpoint>),
    /// It does not answer.
    Down,
    /// It is a target no more.
    Gone,
}

/// News of a target.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) key: String,
    pub(crate) state: State,
}

/// A balancer has gone, and with it the reason to go on.
#[derive(Debug)]
pub(crate) struct Closed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Trying,
    Up,
    Down,
}

/// All targets of a channel, and what the channel's balancer has been told of them.
pub(crate) struct Pool {
    known: HashMap<String, Known>,
    refusing: bool,
    changes: mpsc::Sender<Change<String, Endpoint>>,
}

// === impl Pool ===

impl Pool {
    /// A pool whose first targets are being tried.
    pub(crate) fn new(keys: Vec<String>, changes: mpsc::Sender<Change<String, Endpoint>>) -> Self {
        let known = keys.into_iter().map(|key| (key, Known::Trying)).collect();
        Self { known, refusing: false, changes }
    }

    /// Passes on what the reports mean until the channel is dropped.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Report>) {
        let changes = self.changes.clone();
        loop {
            let report = tokio::select! {
                () = changes.closed() => return,
                report = inbox.recv() => report,
            };
            let Some(report) = report else { return };
            if self.apply(report).await.is_err() {
                return;
            }
        }
    }

    async fn apply(&mut self, Report { key, state }: Report) -> Result<(), Closed> {
        // A watcher that was told to end may still have spoken: only `Trying` makes a target known.
        if !self.known.contains_key(&key) && !matches!(state, State::Trying) {
            return Ok(());
        }
        if self.known.get(&key) == Some(&Known::Up) {
            tracing::warn!(target = key, "a target does not answer any more");
            self.tell(Change::Remove(key.clone())).await?;
        }
        match state {
            State::Trying => self.known.insert(key, Known::Trying),
            State::Down => self.known.insert(key, Known::Down),
            State::Gone => self.known.remove(&key),
            State::Up(endpoint) => {
                tracing::info!(target = key, "a target answers");
                self.refuse(false).await?;
                self.tell(Change::Insert(key.clone(), *endpoint)).await?;
                self.known.insert(key, Known::Up)
            }
        };
        // Without any target the balancer lets calls wait: right while one is being tried, wrong when all are down.
        let hopeless = self.known.values().all(|known| *known == Known::Down);
        self.refuse(hopeless).await
    }

    async fn refuse(&mut self, refuse: bool) -> Result<(), Closed> {
        if self.refusing == refuse {
            return Ok(());
        }
        self.refusing = refuse;
        let key = NOWHERE.to_owned();
        if refuse {
            self.tell(Change::Insert(key, Endpoint::from_static(NOWHERE))).await
        } else {
            self.tell(Change::Remove(key)).await
        }
    }

    async fn tell(&self, change: Change<String, Endpoint>) -> Result<(), Closed> {
        self.changes.send(change).await.map_err(|_| Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rig {
        pool: Pool,
        told: mpsc::Receiver<Change<String, Endpoint>>,
    }

    impl Rig {
        fn new(keys: &[&str]) -> Self {
            let (changes, told) = mpsc::channel(CHANGES);
            Self { pool: Pool::new(keys.iter().map(|key| (*key).to_owned()).collect(), changes), told }
        }

        /// Reports, and returns what the balancer is told: `+a` came, `-a` went.
        async fn report(&mut self, key: &str, state: State) -> Vec<String> {
            self.pool.apply(Report { key: key.to_owned(), state }).await.unwrap();
            let mut told = Vec::new();
            while let Ok(change) = self.told.try_recv() {
                told.push(match change {
                    Change::Insert(key, _) => format!("+{key}"),
                    Change::Remove(key) => format!("-{key}"),
                });
            }
            told
        }
    }

    fn up() -> State {
        State::Up(Box::new(Endpoint::from_static("http://127.0.0.1:1")))
    }

    #[tokio::test]
    async fn calls_are_refused_only_when_all_targets_are_known_to_be_down() {
        let mut rig = Rig::new(&["a", "b"]);
        assert!(rig.report("a", State::Down).await.is_empty(), "b may still come");
        assert_eq!(rig.report("b", State::Down).await, [format!("+{NOWHERE}")]);
        assert_eq!(rig.report("a", up()).await, [format!("-{NOWHERE}"), "+a".to_owned()]);
        assert_eq!(rig.report("a", State::Trying).await, ["-a"], "calls wait while a is tried again");
        assert_eq!(rig.report("a", State::Down).await, [format!("+{NOWHERE}")]);
    }

    #[tokio::test]
    async fn a_target_that_comes_again_is_a_new_one() {
        let mut rig = Rig::new(&["a"]);
        assert_eq!(rig.report("a", up()).await, ["+a"]);
        assert_eq!(rig.report("a", up()).await, ["-a", "+a"]);
    }

    #[tokio::test]
    async fn late_news_of_a_target_that_has_gone_is_not_heard() {
        let mut rig = Rig::new(&["a", "b"]);
        rig.report("a", up()).await;
        assert_eq!(rig.report("a", State::Gone).await, ["-a"]);
        assert!(rig.report("a", up()).await.is_empty());
        rig.report("a", State::Trying).await;
        assert_eq!(rig.report("a", up()).await, ["+a"]);
    }
}
