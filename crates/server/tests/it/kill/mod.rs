//! Killed at any moment, the system has all that it acknowledged.
//!
//! 16 writers register people; each acknowledgement is on the writer's disk before it counts. The process is killed
//! (SIGKILL) 5 to 500 ms after they began, started again on the same data, and asked for the mails; at the end every
//! account must log in and stand in the audit trail, and the trail's chain must hold. A registration that was not
//! answered is repeated: there must be a whole account then, whether the first one had come through or not.
//!
//! The check itself is checked: acknowledgements that were made up must be what it reports as lost, and so must
//! those of a build that acknowledges before its commit:
//! `cargo test -p denizen-server --features broken-acknowledge --test it -- kill`.

mod oracle;
mod writers;

use std::time::Duration;

use denizen_testkit::{Client, PASSWORD};
use tokio::time::Instant;

use crate::process::{Engine, Launch, random};
use oracle::{Lost, Patience, emails};
use writers::{Account, Acknowledged, Round};

const ADMIN: &str = "root@example.test";

/// When the process is killed, in milliseconds after the writers began.
const MOMENTS: std::ops::RangeInclusive<u64> = 5..=500;

/// How long the last mail or record may take after the one before it came: longer than a message stays with the
/// sender that was killed (16 s by [`SMTP_TIMEOUT`]; on PostgreSQL nobody can tell that it is dead).
const LONG: Patience = Patience(Duration::from_secs(40));

/// The same where some will never come.
const SHORT: Patience = Patience(Duration::from_secs(2));

/// The same between two rounds; what has not come is asked for again in the next.
const BRIEF: Patience = Patience(Duration::from_millis(300));

/// How long one mail may take; a message is lent to its sender for 15 s more.
const SMTP_TIMEOUT: &str = "1s";

/// A run of the test.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Kills at least.
    kills: usize,
    /// Acknowledged accounts at least.
    accounts: usize,
    forged_every: usize,
    patience: Patience,
}

/// What a run found.
#[derive(Debug, Default)]
struct Report {
    accounts: Vec<Account>,
    forged: Vec<Account>,
    unanswered: Vec<String>,
    refused: usize,
    kills: usize,
    slowest_start: Duration,
    mailed_twice: usize,
    without_mail: Vec<Account>,
    without_login: Lost,
    without_record: Lost,
}

// === impl Plan ===

impl Plan {
    /// Nothing acknowledged may be lost.
    const fn honest(kills: usize, accounts: usize) -> Self {
        Self { kills, accounts, forged_every: 0, patience: LONG }
    }

    #[expect(clippy::print_stdout, reason = "the counts are what the run is for")]
    async fn run(self, engine: &Engine) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch::new(folder.path()).cheap().on(engine);
        let launch = launch.set("admin.email", ADMIN).set("admin.password", PASSWORD);
        let launch = launch.set("notify.smtp.timeout", SMTP_TIMEOUT);
        let mut process = launch.ready().await;
        let mut report = Report::default();
        // Made once: making one may take longer than a process lives here.
        let http = reqwest::Client::new();
        while report.kills < self.kills || report.accounts.len() < self.accounts {
            let round = Round {
                http: http.clone(),
                base: launch.base(),
                number: report.kills,
                folder: folder.path().to_owned(),
                forged_every: self.forged_every,
            };
            let writing = tokio::spawn(async move { writers::write(&round).await });
            tokio::time::sleep(moment()).await;
            process.kill();
            report.kills += 1;
            let acknowledged = writing.await.unwrap();

            let start = Instant::now();
            process = launch.ready().await;
            report.slowest_start = report.slowest_start.max(start.elapsed());
            writers::register_again(&http, &launch.base(), &acknowledged.unanswered).await;
            report.take(acknowledged);
            report.look_for_mails(&process.client(), BRIEF).await;
        }
        report.finish(&process.client(), self.patience).await;
        println!("{engine:?}: {report}");
        report
    }
}

// === impl Report ===

impl Report {
    fn take(&mut self, acknowledged: Acknowledged) {
        self.without_mail.extend(acknowledged.accounts.iter().cloned());
        self.accounts.extend(acknowledged.accounts);
        self.forged.extend(acknowledged.forged);
        self.unanswered.extend(acknowledged.unanswered);
        self.refused += acknowledged.refused;
    }

    /// Strikes off whose mail has come.
    async fn look_for_mails(&mut self, client: &Client, patience: Patience) {
        let lost = oracle::without_mail(client, &self.without_mail, patience).await;
        let awaited = std::mem::take(&mut self.without_mail);
        let (late, came): (Vec<Account>, Vec<Account>) =
            awaited.into_iter().partition(|account| lost.contains(&account.email));
        self.mailed_twice += oracle::with_more_mails(client, &came).await.len();
        self.without_mail = late;
    }

    /// Asks for what must be there at the end.
    async fn finish(&mut self, client: &Client, patience: Patience) {
        self.look_for_mails(client, patience).await;
        let mut all = emails(&self.accounts);
        all.extend(self.unanswered.iter().cloned());
        self.without_login = oracle::without_login(client, &all).await;
        let (admin, _) = client.login(ADMIN).await;
        self.without_record = oracle::without_record(&admin, &self.accounts, patience).await;
        if let Some(account) = self.accounts.iter().find(|account| !self.forged.contains(account)) {
            let record = oracle::record(&admin, account).await;
            assert!(record.iter().any(|entry| entry["action"] == "user.created"), "{record:?}");
        }
        let verdict = admin.get("/admin/audit/verify").await.expect(200).body;
        assert_eq!(verdict["valid"], true, "{verdict}");
    }

    fn assert_lost(&self, lost: &Lost) {
        assert_eq!(&self.without_login, lost, "accounts that cannot log in");
        assert_eq!(&emails(&self.without_mail), lost, "accounts without a mail");
        assert_eq!(&self.without_record, lost, "accounts that are not once in the audit trail");
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} kills, {} acknowledged ({} made up), {} unanswered, {} refused, {} mailed twice; \
             without login {}, mail {}, record {}; slowest start {:?}",
            self.kills,
            self.accounts.len(),
            self.forged.len(),
            self.unanswered.len(),
            self.refused,
            self.mailed_twice,
            self.without_login.len(),
            self.without_mail.len(),
            self.without_record.len(),
            self.slowest_start,
        )
    }
}

fn moment() -> Duration {
    let span = MOMENTS.end() - MOMENTS.start() + 1;
    Duration::from_millis(MOMENTS.start() + random() % span)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(feature = "broken-acknowledge", ignore = "this build loses on purpose")]
async fn five_kills_lose_nothing() {
    for engine in Engine::available().await {
        Plan::honest(5, 100).run(&engine).await.assert_lost(&Lost::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; ./check --full runs it"]
async fn two_hundred_kills_lose_nothing() {
    for engine in Engine::available().await {
        Plan::honest(200, 1_000).run(&engine).await.assert_lost(&Lost::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(feature = "broken-acknowledge", ignore = "this build loses on purpose")]
async fn what_was_made_up_is_found_missing() {
    let plan = Plan { kills: 3, accounts: 100, forged_every: 25, patience: SHORT };
    let report = plan.run(&Engine::Sqlite).await;
    assert!(!report.forged.is_empty() && report.forged.len() < report.accounts.len(), "{report}");
    report.assert_lost(&emails(&report.forged));
}

#[cfg(feature = "broken-acknowledge")]
#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_acknowledges_too_early_is_caught() {
    let plan = Plan { kills: 50, accounts: 1_000, forged_every: 0, patience: SHORT };
    let report = plan.run(&Engine::Sqlite).await;
    assert!(!report.without_login.is_empty(), "nothing was lost: {report}");
}
