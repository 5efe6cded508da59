//! A run on one engine: starts, accounts, and rounds in which all scenarios take turns.

use std::time::Duration;

use crate::bare::{self, Bare};
use crate::engine::Engine;
use crate::http1::{Connection, Outgoing};
use crate::load::{Target, Window, drive};
use crate::node::{BOTH_CORES, Node, SERVER_CORE, Site};
use crate::people::{People, Session};
use crate::process::{self, Memory};
use crate::scenarios::{Kind, Scenario};
use crate::{Options, hash, tell};

/// What goes unmeasured at the start of each round of a scenario.
const WARM_UP: Duration = Duration::from_millis(500);

/// How often the server is started on a database that exists.
const STARTS: usize = 3;

/// What a run on one engine measured.
pub(crate) struct Run {
    /// The engine.
    pub(crate) engine: Engine,
    /// The server's settings, secrets left out.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Starts and memory.
    pub(crate) life: Life,
    /// The accounts.
    pub(crate) people: People,
    /// How many tokens took turns.
    pub(crate) tokens: usize,
    /// The scenarios.
    pub(crate) scenarios: Vec<Scenario>,
    /// Hashes a second on the server's core, a round each.
    pub(crate) hashes: Vec<f64>,
    /// The same on two cores.
    pub(crate) hashes_on_two: Vec<f64>,
}

/// Starts and memory of a server.
#[derive(Debug)]
pub(crate) struct Life {
    /// From nothing to ready.
    pub(crate) first_start: Duration,
    /// The same on a database that exists.
    pub(crate) later_starts: Vec<Duration>,
    /// Idle after the first start, which hashed the administrator's password.
    pub(crate) idle_first: Memory,
    /// Idle after a later start.
    pub(crate) idle: Memory,
    /// After all rounds on one core.
    pub(crate) loaded: Option<Memory>,
}

/// Measures all on one engine.
pub(crate) async fn measure(options: &Options, engine: &Engine) -> anyhow::Result<Run> {
    tell(&format!("{}:", engine.name()));
    let site = Site::new(options, engine)?;
    let (mut life, node) = start_and_restart(&site).await?;
    let target = Target { address: node.address, pid: node.pid() };
    let people = People::open(target, options).await?;
    let tokens =
        options.tokens.clamp(options.connections, people.count.max(options.connections)).min(people.count);
    tell(&format!("  logging {tokens} people in"));
    let sessions = Session::of_people(node.address, tokens).await?;
    process::settle(node.pid()).await?;

    let mut scenarios = Scenario::all(options, &people, &sessions)?;
    let body = own_account(&node, &sessions).await?;
    let bare = Bare::start(&body).await?;
    let hashes = take_turns(options, &mut scenarios, target, &bare).await?;
    life.loaded = Some(process::memory(node.pid())?);
    drop(bare);
    node.stop().await?;

    let (logins, hashes_on_two) = logins_on_two(options, &site, people.count).await?;
    scenarios.push(logins);
    let settings = site.settings();
    Ok(Run {
        engine: engine.clone(),
        settings,
        life,
        people,
        tokens: sessions.len(),
        scenarios,
        hashes,
        hashes_on_two,
    })
}

async fn start_and_restart(site: &Site) -> anyhow::Result<(Life, Node)> {
    tell("  starting");
    let (mut node, first_start) = site.start(SERVER_CORE).await?;
    process::settle(node.pid()).await?;
    let idle_first = process::memory(node.pid())?;
    let mut later_starts = Vec::new();
    for _ in 0..STARTS {
        node.stop().await?;
        let (again, took) = site.start(SERVER_CORE).await?;
        later_starts.push(took);
        node = again;
    }
    process::settle(node.pid()).await?;
    let idle = process::memory(node.pid())?;
    Ok((Life { first_start, later_starts, idle_first, idle, loaded: None }, node))
}

/// What the server answers to `GET /users/me`, for the bare server to answer too.
async fn own_account(node: &Node, sessions: &[Session]) -> anyhow::Result<Vec<u8>> {
    let ask = Outgoing::get(bare::PATH, sessions.first().map(|session| &session.bearer))?;
    let answer = Connection::open(node.address).await?.call(&ask).await?;
    Ok(answer.body.to_vec())
}

/// The rounds, then each paced scenario at half its rate. Gives the hash rates, one for each round.
async fn take_turns(
    options: &Options,
    scenarios: &mut [Scenario],
    node: Target,
    bare: &Bare,
) -> anyhow::Result<Vec<f64>> {
    let bare = Target { address: bare.address, pid: bare.pid() };
    let mut hashes = Vec::new();
    for number in 1..=options.rounds {
        for scenario in &mut *scenarios {
            tell(&format!("  round {number} of {}: {:?}", options.rounds, scenario.kind));
            if scenario.kind == Kind::Login {
                hashes.push(hash::rate_on(SERVER_CORE, options.length())?);
            }
            let target = if scenario.kind == Kind::Bare { bare } else { node };
            let window = Window { warm_up: WARM_UP, length: options.length(), pace: None };
            run_once(scenario, target, window).await?;
        }
    }
    for scenario in scenarios.iter_mut().filter(|scenario| scenario.kind.is_paced()) {
        tell(&format!("  at half the rate: {:?}", scenario.kind));
        let pace = scenario.rate().map(|rate| rate.median / 2.0);
        run_once(scenario, node, Window { warm_up: WARM_UP, length: options.length(), pace }).await?;
    }
    Ok(hashes)
}

async fn run_once(scenario: &mut Scenario, target: Target, window: Window) -> anyhow::Result<()> {
    let sources = std::mem::take(&mut scenario.sources);
    let (round, sources) = drive(target, sources, window).await?;
    scenario.sources = sources;
    let settled = process::settle(target.pid).await?;
    if window.pace.is_some() {
        scenario.paced = Some(round);
        return Ok(());
    }
    scenario.rounds.push(round);
    if scenario.kind.writes() {
        scenario.settled.push(settled);
    }
    Ok(())
}

/// Logins at a server on both cores, beside hashes on both cores. The generator stays on the second, and costs a login
/// some ten microseconds of ten thousand.
async fn logins_on_two(options: &Options, site: &Site, people: u32) -> anyhow::Result<(Scenario, Vec<f64>)> {
    let (node, _) = site.start(BOTH_CORES).await?;
    let target = Target { address: node.address, pid: node.pid() };
    process::settle(node.pid()).await?;
    let mut scenario = Scenario::logins(Kind::LoginOnTwo, options, people);
    let mut hashes = Vec::new();
    for number in 1..=options.rounds {
        tell(&format!("  round {number} of {}: {:?}", options.rounds, scenario.kind));
        hashes.push(hash::rate_on(BOTH_CORES, options.length())?);
        run_once(&mut scenario, target, Window { warm_up: WARM_UP, length: options.length(), pace: None })
            .await?;
    }
    node.stop().await?;
    Ok((scenario, hashes))
}
