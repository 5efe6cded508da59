//! Follows the addresses of a name: each is watched as long as the name has it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use denizen_kit::task::Tasks;
use denizen_tls::LinkTls;
use tokio::net::lookup_host;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::pool::{Closed, Report, State};
use crate::targets::{Place, address_key, name_key};
use crate::watch::Watch;

/// How often a name is looked up again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long a look-up may take, and how soon a failed one is repeated.
const LOOKUP: Duration = Duration::from_secs(1);

/// The addresses of a name, each with a watcher that ends when its sender is dropped.
pub(crate) struct Names {
    place: Place,
    tls: Option<LinkTls>,
    watched: HashMap<SocketAddr, oneshot::Sender<()>>,
    reports: mpsc::Sender<Report>,
    tasks: Tasks,
}

// === impl Names ===

impl Names {
    /// Nothing looked up yet. The place is that of a name, `name:port`.
    pub(crate) fn new(
        (place, tls): (Place, Option<LinkTls>),
        reports: mpsc::Sender<Report>,
        tasks: Tasks,
    ) -> Self {
        Self { place, tls, watched: HashMap::new(), reports, tasks }
    }

    /// Looks up again and again until nobody listens.
    pub(crate) async fn run(mut self) {
        let reports = self.reports.clone();
        tokio::select! {
            () = reports.closed() => {}
            Err(Closed) = self.follow() => {}
        }
    }

    async fn follow(&mut self) -> Result<std::convert::Infallible, Closed> {
        loop {
            let found: HashSet<SocketAddr> = match timeout(LOOKUP, lookup_host(&self.place.authority)).await {
                Ok(Ok(found)) => found.collect(),
                Ok(Err(_)) | Err(_) => HashSet::new(),
            };
            let wait = if found.is_empty() { LOOKUP } else { AGAIN };
            self.update(found).await?;
            sleep(wait).await;
        }
    }

    /// Takes over what a look-up has found. Finding nothing changes nothing: name servers fail more often than all
    /// addresses of a name go.
    async fn update(&mut self, found: HashSet<SocketAddr>) -> Result<(), Closed> {
        if found.is_empty() {
            if self.watched.is_empty() {
                self.report(name_key(&self.place.authority), State::Down).await?;
            }
            return Ok(());
        }
        for address in &found {
            if !self.watched.contains_key(address) {
                self.report(address_key(&self.place.authority, *address), State::Trying).await?;
                self.watch(*address);
            }
        }
        let gone: Vec<SocketAddr> =
            self.watched.keys().filter(|known| !found.contains(known)).copied().collect();
        for address in gone {
            self.watched.remove(&address);
            self.report(address_key(&self.place.authority, address), State::Gone).await?;
        }
        // From here on the addresses speak for the name.
        self.report(name_key(&self.place.authority), State::Gone).await
    }

    fn watch(&mut self, address: SocketAddr) {
        let (guard, dropped) = oneshot::channel::<()>();
        let watch = Watch::of_address(address, (&self.place, self.tls.clone()), self.reports.clone());
        self.tasks.spawn_until_stopped("upstream target", async move {
            tokio::select! {
                _ = dropped => {}
                () = watch.run() => {}
            }
        });
        self.watched.insert(address, guard);
    }

    async fn report(&self, key: String, state: State) -> Result<(), Closed> {
        self.reports.send(Report { key, state }).await.map_err(|_| Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn spoken(inbox: &mut mpsc::Receiver<Report>, count: usize) -> Vec<String> {
        let mut spoken = Vec::new();
        while spoken.len() < count {
            let report = inbox.recv().await.unwrap();
            let word = match report.state {
                State::Trying => "trying",
                State::Up(_) => "up",
                State::Down => "down",
                State::Gone => "gone",
            };
            spoken.push(format!("{} {word}", report.key));
        }
        spoken
    }

    #[tokio::test]
    async fn addresses_come_and_go_with_the_name() {
        let (reports, mut inbox) = mpsc::channel(64);
        let tasks = Tasks::new();
        let place = Place { authority: "users:1".to_owned(), is_tls: false };
        let mut names = Names::new((place, None), reports, tasks.clone());
        let first: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let second: SocketAddr = "127.0.0.2:1".parse().unwrap();

        names.update(HashSet::new()).await.unwrap();
        assert_eq!(spoken(&mut inbox, 1).await, ["dns:users:1 down"]);

        names.update(HashSet::from([first])).await.unwrap();
        let told = spoken(&mut inbox, 3).await;
        assert_eq!(told[0], "dns:users:1/127.0.0.1:1 trying");
        assert!(told.contains(&"dns:users:1 gone".to_owned()), "{told:?}");
        assert!(
            told.contains(&"dns:users:1/127.0.0.1:1 down".to_owned()),
            "nobody listens on port 1: {told:?}"
        );

        names.update(HashSet::from([second])).await.unwrap();
        let told = spoken(&mut inbox, 4).await;
        assert!(told.contains(&"dns:users:1/127.0.0.1:1 gone".to_owned()), "{told:?}");
        assert!(told.contains(&"dns:users:1/127.0.0.2:1 trying".to_owned()), "{told:?}");

        names.update(HashSet::new()).await.unwrap();
        assert_eq!(names.watched.len(), 1, "a failed look-up takes nothing away");
        tasks.stop().await;
    }
}
