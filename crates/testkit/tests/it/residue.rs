//! What is left of somebody in the files: nothing that was sealed at any time, nothing at all once they are erased.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use denizen_testkit::{Cluster, PASSWORD, Topology};
use reqwest::Method;
use serde_json::json;

use crate::privacy::at_home;

const EMAIL: &str = "ada.erased@example.test";

/// The forms in which somebody who looks through files could find a text.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap();
    let hex: String = text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    // In the middle of something longer, base64 has one of three forms; the first and last characters mix with others.
    let shifted = |skip: usize| {
        let padded = [vec![0; skip], text.as_bytes().to_vec()].concat();
        let encoded = STANDARD_NO_PAD.encode(padded);
        encoded.as_bytes()[4..encoded.len() - 4].to_vec()
    };
    vec![
        ("UTF-8", text.as_bytes().to_vec()),
        ("UTF-16", utf16),
        ("hexadecimal", hex.into_bytes()),
        ("base64", STANDARD.encode(text).as_bytes()[..12].to_vec()),
        ("base64, shifted by one", shifted(1)),
        ("base64, shifted by two", shifted(2)),
    ]
}

/// Files below a folder that hold a text in some form, whatever its case.
fn holders(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap_or_default();
            let lower = bytes.to_ascii_lowercase();
            for (form, wanted) in forms(text) {
                let there = |hay: &[u8]| hay.windows(wanted.len()).any(|window| window == wanted);
                if there(&bytes) || there(&lower) {
                    found.push(format!("{} as {form}", path.display()));
                }
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_erased_is_left_in_the_files() {
    for topology in [Topology::OneOnSqlite, Topology::SplitOnSqlite] {
        let cluster = Cluster::start(topology).await;
        let client = cluster.client();
        let account = json!({ "name": "Adalbertina Zwetschgendatschi", "email": EMAIL, "username": "zwetschgendatschi",
            "password": PASSWORD, "metadata": { "plan": "kirschkernweitspucken" } });
        client
            .send(Method::POST, "/users", Some(account), &[("idempotency-key", "register-once")])
            .await
            .expect(201);
        client.mail(EMAIL, 1).await;
        let (ada, _) = client.login(EMAIL).await;
        at_home(&ada).await;
        ada.patch("/users/me", json!({ "name": "Adalbertina Zwetschgendatschi II" })).await.expect(200);
        let folder = cluster.data_folder();
        assert!(!holders(folder, "zwetschgendatschi").is_empty(), "the search finds what is plain before");
        for sealed in [EMAIL, "kirschkernweitspucken"] {
            assert_eq!(holders(folder, sealed), Vec::<String>::new(), "sealed at all times: {sealed}");
        }
        ada.post("/users/me/erase", json!({ "password": PASSWORD })).await.expect(200);
        for gone in [EMAIL, "zwetschgendatschi", "kirschkernweitspucken"] {
            assert_eq!(holders(folder, gone), Vec::<String>::new(), "{gone}");
        }
        cluster.stop().await;
    }
}
