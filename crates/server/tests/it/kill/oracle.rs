//! What must be there of every acknowledged account: the login, the mail, the record.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use denizen_testkit::{Client, PASSWORD};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::writers::Account;

/// How many questions are asked at the same time.
const AT_ONCE: usize = 8;

/// Addresses of accounts that lack something.
pub(crate) type Lost = BTreeSet<String>;

/// What follows an acknowledgement by itself is waited for while more of it comes: as long as this after the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(pub(crate) Duration);

// === impl Patience ===

impl Patience {
    /// Asks about those that lack something until none does, or nothing has come for so long.
    async fn wait(self, mut lost: Lost, ask: impl AsyncFn(&Lost) -> Lost) -> Lost {
        let mut last_news = Instant::now();
        while !lost.is_empty() && last_news.elapsed() < self.0 {
            let left = ask(&lost).await;
            if left.len() < lost.len() {
                last_news = Instant::now();
            }
            lost = left;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        lost
    }
}

/// The accounts' addresses.
pub(crate) fn emails(accounts: &[Account]) -> Lost {
    accounts.iter().map(|account| account.email.clone()).collect()
}

/// Those of the addresses that cannot log in.
pub(crate) async fn without_login(client: &Client, emails: &Lost) -> Lost {
    pick(emails, async |email| {
        let answer = client.post("/auth/login", json!({ "identifier": email, "password": PASSWORD })).await;
        assert!([200, 401].contains(&answer.status.as_u16()), "{email}: {} {}", answer.status, answer.body);
        answer.status != 200
    })
    .await
}

/// Accounts without a welcome in the mailbox.
pub(crate) async fn without_mail(client: &Client, accounts: &[Account], patience: Patience) -> Lost {
    let has_none = async |email: &str| client.mailbox(email).await.is_empty();
    patience.wait(emails(accounts), async |lost| pick(lost, &has_none).await).await
}

/// Accounts with more than one message in the mailbox.
pub(crate) async fn with_more_mails(client: &Client, accounts: &[Account]) -> Lost {
    pick(&emails(accounts), async |email| client.mailbox(email).await.len() > 1).await
}

/// Accounts whose beginning is not in the audit trail exactly once.
pub(crate) async fn without_record(admin: &Client, accounts: &[Account], patience: Patience) -> Lost {
    let ids: BTreeMap<&str, &str> =
        accounts.iter().map(|account| (account.email.as_str(), account.id.as_str())).collect();
    let ask = async |lost: &Lost| {
        let beginnings = beginnings(admin).await;
        let once = |email: &&String| beginnings.get(ids[email.as_str()]) == Some(&1);
        lost.iter().filter(|email| !once(email)).cloned().collect()
    };
    patience.wait(emails(accounts), ask).await
}

/// How often each account's beginning is in the audit trail.
async fn beginnings(admin: &Client) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/admin/audit?action=user.created&limit=200{cursor}");
        let page = admin.get(&path).await.expect(200).body;
        for entry in page["items"].as_array().unwrap() {
            *counts.entry(entry["subject"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let Some(next) = page["next_cursor"].as_str() else { return counts };
        cursor = format!("&cursor={next}");
    }
}

/// What the trail says of one account.
pub(crate) async fn record(admin: &Client, account: &Account) -> Vec<Value> {
    let trail = admin.get(&format!("/admin/audit?subject={}", account.id)).await.expect(200).body;
    trail["items"].as_array().unwrap().clone()
}

/// Those of the addresses of which something is true.
async fn pick(emails: &Lost, is_so: impl AsyncFn(&str) -> bool) -> Lost {
    let asked = futures::stream::iter(emails).map(async |email| is_so(email).await.then(|| email.clone()));
    asked.buffer_unordered(AT_ONCE).filter_map(async |found| found).collect().await
}
