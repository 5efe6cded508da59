//! What the door refused: counted by source, code and minute, and told to the audit trail in batches, so that a flood
//! of bad requests costs no write each.
//!
//! A failed login, a wrong code or a want of permission is no matter of the door: the service that refused it has recorded
//! it, one by one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use denizen_kit::caller::{Caller, Role};
use denizen_kit::cx::{Call, DEFAULT_DEADLINE, Idempotency};
use denizen_kit::problem::{Code, Kind, Problem};
use denizen_kit::seal::random;
use denizen_kit::task::Tasks;
use denizen_kit::time::{Clock, Deadline, from_micros};
use denizen_rpc::audit::internal::v1 as wire;
use denizen_rpc::audit::internal::v1::reports_client::ReportsClient;
use denizen_rpc::{decode, problem_from};
use tokio::time::{sleep, timeout};

use crate::state::App;

/// How many counts are kept at most; what comes from more sources is counted without its source.
const MOST: usize = 1_000;

/// Longest pause before a batch that could not be told is told again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long the last counts may take when the node stops.
const FAREWELL: Duration = Duration::from_secs(2);

const MINUTE: i64 = 60_000_000;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// Unix microseconds.
    minute: i64,
    /// An address; of IPv6 the /64 network, which one customer has. None when there were too many.
    ip: Option<IpAddr>,
    code: Code,
}

/// Who refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The door, before anything was asked.
    Door,
    /// The operation behind it.
    Operation,
}

/// Counts of refusals.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<Key, i64>>);

/// Counts on their way, under one key however often they are sent.
#[derive(Debug)]
struct Batch {
    refusals: Vec<wire::Refusal>,
    idempotency: Idempotency,
}

// === impl Refusals ===

impl Refusals {
    /// Counts a refusal that nobody else records.
    pub(crate) fn note(&self, clock: &Clock, ip: Option<IpAddr>, (by, code): (By, Code)) {
        let is_counted = match code.kind() {
            Kind::Unauthenticated => code != Code::InvalidCredentials,
            Kind::Forbidden => by == By::Door,
            Kind::TooMany => code != Code::TooManyAttempts,
            _ => false,
        };
        if !is_counted {
            return;
        }
        let minute = clock.now().as_microsecond().div_euclid(MINUTE) * MINUTE;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key { minute, ip: ip.map(network), code };
        let is_known = counts.contains_key(&key);
        let key = if is_known || counts.len() < MOST { key } else { Key { ip: None, ..key } };
        *counts.entry(key).or_default() += 1;
    }

    /// Takes what was counted. While audit was away for long it can be more than one batch.
    fn take(&self) -> Vec<Batch> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let counts = counts.into_iter().map(|(key, count)| wire::Refusal {
            code: key.code.as_str().to_owned(),
            ip: key.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            count,
            minute: Some(decode::to_wire(from_micros(key.minute))),
        });
        let refusals: Vec<_> = counts.collect();
        refusals.chunks(MOST).map(|chunk| Batch::new(chunk.to_vec())).collect()
    }
}

// === impl Batch ===

impl Batch {
    fn new(refusals: Vec<wire::Refusal>) -> Self {
        let mut fingerprint = [0; 32];
        random(&mut fingerprint);
        let idempotency = Idempotency { key: hex::encode(fingerprint), fingerprint };
        Self { refusals, idempotency }
    }
}

/// The address, or its /64.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

/// Tells the audit trail what was counted, once an interval and when the node stops.
pub(crate) async fn tell(app: Arc<App>, tasks: Tasks) {
    while !tasks.is_stopping() {
        tokio::select! {
            () = sleep(app.config.refusals_interval) => {}
            () = tasks.stopping() => break,
        }
        for batch in app.refusals.take() {
            send_until_taken(&app, &tasks, &batch).await;
        }
    }
    for batch in app.refusals.take() {
        // What cannot be told in time is lost with the process; it was counted in the metrics all the same.
        let _ = timeout(FAREWELL, send(&app, &batch)).await;
    }
}

async fn send_until_taken(app: &App, tasks: &Tasks, batch: &Batch) {
    let mut pause = Duration::from_millis(500);
    while let Err(error) = send(app, batch).await {
        tracing::warn!(%error, "refusals could not be told to the audit trail; trying again");
        tokio::select! {
            () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            () = tasks.stopping() => return,
        }
    }
}

async fn send(app: &App, batch: &Batch) -> Result<(), Problem> {
    let call = Call {
        caller: Caller::service(Role::Gateway),
        request_id: Arc::from(""),
        ip: None,
        user_agent: None,
        trace: None,
        deadline: Deadline::within(DEFAULT_DEADLINE),
        idempotency: Some(batch.idempotency.clone()),
    };
    let mut reports = ReportsClient::new(app.links.peer_as(Role::Audit, Arc::new(call)));
    let request = wire::ReportRefusalsRequest { refusals: batch.refusals.clone() };
    reports.report_refusals(request).await.map(drop).map_err(problem_from)
}

#[cfg(test)]
mod tests {
    use denizen_kit::time::Timestamp;

    use super::*;

    fn counted(notes: impl IntoIterator<Item = (Option<IpAddr>, Code)>) -> Vec<(String, String, i64)> {
        let clock = Clock::manual(Timestamp::from_second(1_700_000_000).unwrap());
        let refusals = Refusals::default();
        notes.into_iter().for_each(|(ip, code)| refusals.note(&clock, ip, (By::Door, code)));
        let mut counted: Vec<_> = refusals
            .take()
            .into_iter()
            .inspect(|batch| assert!(batch.refusals.len() <= MOST))
            .flat_map(|batch| batch.refusals)
            .inspect(|refusal| assert_eq!(refusal.minute.unwrap().seconds, 1_699_999_980))
            .map(|refusal| (refusal.code, refusal.ip, refusal.count))
            .collect();
        counted.sort();
        assert!(refusals.take().is_empty(), "taken once");
        counted
    }

    #[expect(clippy::unnecessary_wraps, reason = "the address of a caller is optional")]
    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn refusals_are_counted_by_source_and_code() {
        let of = |code: &str, ip: &str, count| (code.to_owned(), ip.to_owned(), count);
        let notes = [
            (ip("192.0.2.1"), Code::Unauthenticated),
            (ip("192.0.2.1"), Code::Unauthenticated),
            (ip("192.0.2.1"), Code::RateLimited),
            (ip("2001:db8:1:2:3::4"), Code::TokenExpired),
            (ip("2001:db8:1:2:ffff::"), Code::TokenExpired),
            (None, Code::Forbidden),
        ];
        let expected = [
            of("forbidden", "", 1),
            of("rate_limited", "192.0.2.1", 1),
            of("token_expired", "2001:db8:1:2::", 2),
            of("unauthenticated", "192.0.2.1", 2),
        ];
        assert_eq!(counted(notes), expected);
    }

    #[test]
    fn what_services_record_themselves_is_left_to_them() {
        let others =
            [Code::InvalidCredentials, Code::TooManyAttempts, Code::NotFound, Code::ValidationFailed];
        assert!(counted(others.map(|code| (ip("192.0.2.1"), code))).is_empty());
        let refusals = Refusals::default();
        for code in [Code::Forbidden, Code::StepUpRequired, Code::InvalidCredentials] {
            refusals.note(&Clock::System, ip("192.0.2.1"), (By::Operation, code));
        }
        assert!(refusals.take().is_empty(), "a want of permission is an entry of its own");
        refusals.note(&Clock::System, ip("192.0.2.1"), (By::Operation, Code::Unauthenticated));
        assert_eq!(refusals.take().len(), 1, "that nobody came is not");
    }

    #[test]
    fn a_flood_from_many_sources_is_counted_in_bounded_memory() {
        let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let counted = counted((0..5_000).map(|number| (address(number), Code::RateLimited)));
        assert_eq!(counted.len(), MOST + 1);
        assert_eq!(counted.iter().map(|(_, _, count)| count).sum::<i64>(), 5_000, "none is lost");
    }
}
