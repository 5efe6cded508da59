//! Issuers elsewhere whose tokens routes take: their keys by a JWKS address, fetched by one request at a time and kept.
//!
//! A key that is not known makes the set be fetched again, but not more often than every 10 seconds; a set that cannot
//! be fetched again stays good, for a key once published is not made bad by a broken line.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as PlainMutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::task::Tasks;
use denizen_kit::time::Timestamp;
use denizen_upstream::http::{Ask, Body, Cluster, ClusterSpec};
use http::header::{ACCEPT, HOST};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Limited};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::spec::access::IssuerSpec;
use crate::edge::foreign;
use crate::edge::keys::{VerifyingKey, parse};
use crate::edge::who::Foreign;

/// Least time between two fetches for keys that are not known.
const COOL_DOWN: Duration = Duration::from_secs(10);

/// How long a set is used before it is fetched again.
const REFRESH: Duration = Duration::from_mins(10);

/// How long a fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Largest set, in bytes.
const LARGEST: usize = 256 * 1024;

/// How many verified tokens are remembered.
const REMEMBERED: usize = 20_000;

/// One whose tokens a route takes.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) spec: IssuerSpec,
    keys: Arc<RemoteKeys>,
    /// Verified tokens, by digest.
    seen: Arc<quick_cache::sync::Cache<[u8; 32], Arc<Foreign>>>,
}

/// All issuers of the process: their keys outlive the rules that name them.
#[derive(Debug)]
pub(crate) struct Issuers {
    keys: PlainMutex<HashMap<String, Arc<RemoteKeys>>>,
    seen: Arc<quick_cache::sync::Cache<[u8; 32], Arc<Foreign>>>,
}

type Keys = HashMap<String, Arc<VerifyingKey>>;

/// The keys behind one address.
#[derive(Debug)]
struct RemoteKeys {
    url: Uri,
    cluster: Option<Cluster>,
    set: ArcSwapOption<(Keys, Instant)>,
    /// When the last fetch began. Held while one is under way.
    fetched: Mutex<Option<Instant>>,
}

// === impl Issuers ===

impl Issuers {
    pub(crate) fn new() -> Self {
        let seen = Arc::new(quick_cache::sync::Cache::new(REMEMBERED));
        Self { keys: PlainMutex::default(), seen }
    }

    /// Those that a route names.
    pub(crate) fn of(&self, specs: &[IssuerSpec], tasks: &Tasks) -> Vec<Issuer> {
        let mut known = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let issuer = |spec: &IssuerSpec| {
            let keys =
                known.entry(spec.jwks_url.clone()).or_insert_with(|| Arc::new(RemoteKeys::new(spec, tasks)));
            Issuer { spec: spec.clone(), keys: keys.clone(), seen: self.seen.clone() }
        };
        specs.iter().map(issuer).collect()
    }
}

// === impl Issuer ===

impl Issuer {
    /// Whom a token names that says it is of this issuer.
    pub(crate) async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Foreign>, Problem> {
        let digest = foreign::digest(&self.spec, token);
        let verified = if let Some(known) = self.seen.get(&digest) {
            known
        } else {
            let parts = foreign::take_apart(token)?;
            let key = self.keys.get(&parts.kid).await?.ok_or_else(foreign::refused)?;
            let verified = Arc::new(foreign::verify(&parts, &key, &self.spec, now)?);
            self.seen.insert(digest, verified.clone());
            verified
        };
        if verified.expires <= now.as_second() { Err(Problem::of(Code::TokenExpired)) } else { Ok(verified) }
    }
}

// === impl RemoteKeys ===

impl RemoteKeys {
    fn new(spec: &IssuerSpec, tasks: &Tasks) -> Self {
        // The address was checked when it was read.
        let url: Uri = spec.jwks_url.parse().unwrap_or_default();
        let origin = format!("{}://{}", url.scheme_str().unwrap_or("https"), authority(&url));
        let cluster =
            Cluster::start(ClusterSpec::new(format!("jwks {origin}")).with_target(origin), tasks).ok();
        Self { url, cluster, set: ArcSwapOption::empty(), fetched: Mutex::new(None) }
    }

    /// The key of this id, or the only one when a token names none.
    async fn get(&self, kid: &str) -> Result<Option<Arc<VerifyingKey>>, Problem> {
        let (known, is_old) = self.known(kid);
        if known.is_some() && !is_old {
            return Ok(known);
        }
        // Who finds a key does not wait for another's fetch.
        let held =
            if known.is_some() { self.fetched.try_lock().ok() } else { Some(self.fetched.lock().await) };
        let Some(mut fetched) = held else { return Ok(known) };
        if let (found @ Some(_), false) = self.known(kid) {
            return Ok(found);
        }
        if fetched.is_none_or(|at| at.elapsed() >= COOL_DOWN) {
            *fetched = Some(Instant::now());
            if let Err(error) = self.fetch().await {
                tracing::warn!(url = %self.url, error, "the keys of an issuer cannot be fetched");
            }
        }
        let (found, _) = self.known(kid);
        if self.set.load().is_none() {
            return Err(Problem::unavailable(
                "the keys of the token's issuer cannot be fetched now; repeat it later",
            ));
        }
        Ok(found)
    }

    fn known(&self, kid: &str) -> (Option<Arc<VerifyingKey>>, bool) {
        let set = self.set.load();
        let Some(set) = set.as_ref() else { return (None, true) };
        let (keys, at) = &**set;
        let only = if kid.is_empty() && keys.len() == 1 { keys.values().next() } else { None };
        (keys.get(kid).or(only).cloned(), at.elapsed() >= REFRESH)
    }

    async fn fetch(&self) -> Result<(), String> {
        let cluster = self.cluster.as_ref().ok_or("its address is none")?;
        let path = self.url.path_and_query().cloned().ok_or("its address has no path")?;
        let request = Request::get(Uri::from(path))
            .header(HOST, authority(&self.url))
            .header(ACCEPT, "application/json");
        let request = request.body(Body::empty()).map_err(|error| error.to_string())?;
        let ask = Ask { deadline: Some(Instant::now() + PATIENCE), ..Ask::default() };
        let read = async {
            let response = cluster.send(request, &ask).await.map_err(|error| error.to_string())?;
            if !response.status().is_success() {
                return Err(format!("status {}", response.status()));
            }
            let body = Limited::new(response.into_body(), LARGEST).collect().await;
            body.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string())
        };
        let bytes = tokio::time::timeout(PATIENCE, read).await.map_err(|_| "it took too long")??;
        let text = std::str::from_utf8(&bytes).map_err(|_| "it is no text")?;
        let keys = parse(text).map_err(|_| "it is no key set (RFC 7517)")?;
        self.set.store(Some(Arc::new((keys, Instant::now()))));
        Ok(())
    }
}

fn authority(url: &Uri) -> &str {
    url.authority().map_or("", http::uri::Authority::as_str)
}
