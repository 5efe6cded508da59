#![doc = include_str!("../README.md")]

pub mod http;
mod names;
mod pool;
mod targets;
mod watch;

use denizen_kit::task::Tasks;
use denizen_tls::LinkTls;
use tokio::sync::mpsc;
use tonic::transport::Channel;

use crate::pool::{CHANGES, Pool, Report};
use crate::targets::Target;
use crate::watch::Watch;

pub use crate::targets::{BadTarget, Targets};

/// How many reports of watchers wait for the pool at most.
const REPORTS: usize = 64;

/// A channel that spreads its calls over all targets that answer.
///
/// It connects by itself, at once or whenever a target comes. While no target answers, calls fail with
/// UNAVAILABLE; they wait for at most a second, when it is not known yet. Must be called within a Tokio runtime;
/// the watching ends with `tasks` or with the last clone of the channel.
pub fn channel(targets: &Targets, tasks: &Tasks) -> Channel {
    channel_with(targets, None, tasks)
}

/// As [`channel`], with what targets that speak TLS are spoken to with. Without it they are never reached.
pub fn channel_with(targets: &Targets, tls: Option<&LinkTls>, tasks: &Tasks) -> Channel {
    let (channel, changes) = Channel::balance_channel(CHANGES);
    let (reports, inbox) = mpsc::channel::<Report>(REPORTS);
    let keys = targets.iter().map(Target::key).collect();
    for target in targets.iter() {
        match target {
            Target::Fixed(place) => {
                let watch = Watch::of_target(place.clone(), tls.cloned(), reports.clone());
                tasks.spawn_until_stopped("upstream target", watch.run());
            }
            Target::Name(place) => {
                let names = names::Names::new((place.clone(), tls.cloned()), reports.clone(), tasks.clone());
                tasks.spawn_until_stopped("upstream name", names.run());
            }
        }
    }
    tasks.spawn_until_stopped("upstream", Pool::new(keys, changes).run(inbox));
    channel
}
