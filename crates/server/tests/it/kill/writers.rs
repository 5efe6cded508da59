//! Writers that register people and log each acknowledgement, on disk, before it counts.

use std::path::{Path, PathBuf};

use denizen_testkit::PASSWORD;
use futures::future::join_all;
use serde_json::json;
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
    /// How many requests were answered 503.
    pub(crate) refused: usize,
}

/// Writes until each has tried all of its registrations or the door is gone.
pub(crate) async fn write(round: &Round) -> Acknowledged {
    let writers = (0..WRITERS).map(|writer| tokio::spawn(write_alone(round.clone(), writer)));
    let mut sum = Acknowledged::default();
    for (writer, done) in join_all(writers).await.into_iter().enumerate() {
        let (forged, refused) = done.unwrap();
        sum.forged.extend(forged);
        sum.refused += refused;
        sum.accounts.extend(read(&log_of(round, writer)));
    }
    sum
}

async fn write_alone(round: Round, writer: usize) -> (Vec<Account>, usize) {
    let mut log = File::create(log_of(&round, writer)).await.unwrap();
    let http = reqwest::Client::new();
    let (mut forged, mut refused) = (Vec::new(), 0);
    for count in 0..EACH {
        let email = format!("kill-{}-{writer}-{count}@example.test", round.number);
        if round.forged_every > 0 && (count * WRITERS + writer).is_multiple_of(round.forged_every) {
            let account = Account { id: forged_id(), email };
            note(&mut log, &account).await;
            forged.push(account);
            continue;
        }
        let body = json!({ "name": "Ada", "email": email, "password": PASSWORD });
        let Ok(answer) = http.post(format!("{}/api/v1/users", round.base)).json(&body).send().await else {
            break;
        };
        let status = answer.status();
        // A head without its body is no acknowledgement.
        let Ok(body) = answer.json::<serde_json::Value>().await else { break };
        if status == 503 {
            refused += 1;
            continue;
        }
        assert_eq!(status, 201, "{body}");
        note(&mut log, &Account { id: body["id"].as_str().unwrap().to_owned(), email }).await;
    }
    (forged, refused)
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
