//! Writers that register people and log each acknowledgement, on disk, before it counts.

use std::path::{Path, PathBuf};

use denizen_testkit::PASSWORD;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use crate::process::random;

/// How many write at the same time.
const WRITERS: usize = 16;

/// How many registrations each writer tries in a round: together fewer than the mailbox keeps messages (1,000).
const EACH: usize = 50;

/// An account whose registration was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) email: String,
}

/// What the writers of one round do.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) http: reqwest::Client,
    /// The door.
    pub(crate) base: String,
    /// Its place among the rounds.
    pub(crate) number: usize,
    /// Where the logs are.
    pub(crate) folder: PathBuf,
    /// The first of so many acknowledgements is made up here and never reaches the door; 0 for none.
    pub(crate) forged_every: usize,
}

/// What came of a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acknowledged {
    /// All accounts in the logs.
    pub(crate) accounts: Vec<Account>,
    /// Those whose acknowledgement was made up.
    pub(crate) forged: Vec<Account>,
    /// Addresses whose registration was not answered: they may have an account or not, but not half of one.
    pub(crate) unanswered: Vec<String>,
    /// How many requests were answered 503.
    pub(crate) refused: usize,
}

/// Writes until each has tried all of its registrations or the door is gone.
pub(crate) async fn write(round: &Round) -> Acknowledged {
    let writers = (0..WRITERS).map(|writer| tokio::spawn(write_alone(round.clone(), writer)));
    let mut sum = Acknowledged::default();
    for (writer, done) in join_all(writers).await.into_iter().enumerate() {
        let alone = done.unwrap();
        sum.forged.extend(alone.forged);
        sum.unanswered.extend(alone.unanswered);
        sum.refused += alone.refused;
        sum.accounts.extend(read(&log_of(round, writer)));
    }
    sum
}

/// What one writer did; its accounts are in its log.
async fn write_alone(round: Round, writer: usize) -> Acknowledged {
    let mut log = File::create(log_of(&round, writer)).await.unwrap();
    let mut alone = Acknowledged::default();
    for count in 0..EACH {
        let email = format!("kill-{}-{writer}-{count}@example.test", round.number);
        if round.forged_every > 0 && (count * WRITERS + writer).is_multiple_of(round.forged_every) {
            let account = Account { id: forged_id(), email };
            note(&mut log, &account).await;
            alone.forged.push(account);
            continue;
        }
        let Ok((status, body)) = register(&round.http, &round.base, &email).await else {
            alone.unanswered.push(email);
            break;
        };
        if status == 503 {
            alone.refused += 1;
            continue;
        }
        assert_eq!(status, 201, "{body}");
        note(&mut log, &Account { id: body["id"].as_str().unwrap().to_owned(), email }).await;
    }
    alone
}

/// Registers a person; status and body of the answer. A head without its body is no answer.
async fn register(http: &reqwest::Client, base: &str, email: &str) -> reqwest::Result<(u16, Value)> {
    let body = json!({ "name": "Ada", "email": email, "password": PASSWORD });
    let answer = http.post(format!("{base}/api/v1/users")).json(&body).send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

/// Registers those again whose registration was not answered; each has an account then.
pub(crate) async fn register_again(http: &reqwest::Client, base: &str, emails: &[String]) {
    for email in emails {
        let (status, body) = register(http, base, email).await.unwrap();
        assert!(status == 201 || body["code"] == "email_taken", "{email}: {body}");
    }
}

/// Writes down an acknowledgement; it is on disk when this returns.
async fn note(log: &mut File, account: &Account) {
    log.write_all(format!("{} {}\n", account.id, account.email).as_bytes()).await.unwrap();
    log.sync_data().await.unwrap();
}

fn log_of(round: &Round, writer: usize) -> PathBuf {
    round.folder.join(format!("acknowledged-{}-{writer}.log", round.number))
}

fn read(log: &Path) -> Vec<Account> {
    let text = std::fs::read_to_string(log).unwrap();
    let accounts = text.lines().map(|line| line.split_once(' ').unwrap());
    accounts.map(|(id, email)| Account { id: id.to_owned(), email: email.to_owned() }).collect()
}

/// An id of the right form (UUIDv7, RFC 9562 §5.7) that nobody has.
fn forged_id() -> String {
    let bits = random();
    format!("0192aa00-0000-7000-8000-{:012x}", bits & 0xffff_ffff_ffff)
}
