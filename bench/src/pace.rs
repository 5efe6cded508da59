//! One GET again and again at an even pace, for other scripts: rate, processor time and latencies as a line of JSON.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use http::HeaderValue;
use serde_json::json;

use crate::http1::Outgoing;
use crate::load::{Target, Window, drive};
use crate::sources::Source;
use crate::stats::percentile;

/// What to ask for, how often and for how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Where the server answers.
    #[arg(long)]
    address: SocketAddr,
    /// Its process: whose processor time counts.
    #[arg(long)]
    pid: u32,
    /// What is asked for.
    #[arg(long, default_value = "/")]
    path: String,
    /// An access token.
    #[arg(long)]
    token: Option<String>,
    /// A file of access tokens, one a line: each is sent once, and when they end, so does the load.
    #[arg(long, conflicts_with = "token")]
    tokens: Option<PathBuf>,
    /// Requests a second; 0: as fast as they are answered.
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// Seconds that are measured, after one to warm up.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 32)]
    connections: u32,
}

/// The same request without end.
#[derive(Debug)]
struct Same(Outgoing);

impl Source for Same {
    fn next(&mut self) -> Option<Outgoing> {
        Some(self.0.clone())
    }
}

/// One request after another of a list that all connections share.
#[derive(Clone, Debug)]
struct Once {
    requests: Arc<[Outgoing]>,
    next: Arc<AtomicUsize>,
}

impl Source for Once {
    fn next(&mut self) -> Option<Outgoing> {
        self.requests.get(self.next.fetch_add(1, Ordering::Relaxed)).cloned()
    }
}

/// Measures, and gives the line.
pub(crate) async fn measure(options: &Options) -> anyhow::Result<String> {
    let sources = (0..options.connections).map(sources(options)?);
    let window = Window {
        warm_up: Duration::from_secs(1),
        length: Duration::from_secs(options.seconds.into()),
        pace: (options.rate > 0).then(|| f64::from(options.rate)),
    };
    let target = Target { address: options.address, pid: options.pid };
    let (round, _) = drive(target, sources.collect(), window).await?;
    Ok(json!({
        "requests": round.requests,
        "failures": round.failures,
        "failure": round.failure,
        "rate": round.rate(),
        "cpu_micros": round.cpu_micros(),
        "busy": round.busy(),
        "p50_micros": percentile(&round.latencies, 50),
        "p99_micros": percentile(&round.latencies, 99),
    })
    .to_string())
}

/// What each connection sends.
fn sources(options: &Options) -> anyhow::Result<impl Fn(u32) -> Box<dyn Source>> {
    let get = |token: &str| -> anyhow::Result<Outgoing> {
        Outgoing::get(&options.path, Some(&HeaderValue::try_from(format!("Bearer {token}"))?))
    };
    let once = match &options.tokens {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            let requests = text.lines().map(get).collect::<anyhow::Result<_>>()?;
            Some(Once { requests, next: Arc::default() })
        }
    };
    let same = match &options.token {
        None => Outgoing::get(&options.path, None)?,
        Some(token) => get(token)?,
    };
    Ok(move |_| match &once {
        Some(once) => Box::new(once.clone()) as Box<dyn Source>,
        None => Box::new(Same(same.clone())),
    })
}
