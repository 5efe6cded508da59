//! Hashes in the forms of other programs: taken, checked as they would, and replaced at the next login.

use denizen_kit::caller::Role;
use denizen_rpc::password::internal::v1::{ExportHashesRequest, NewCredential, PutCredentialsRequest};
use denizen_rpc::problem_from;
use serde::Deserialize;

use crate::node::{ADA, BOB, CHEAP, FIRST, Node, SECOND, field, put_hash};
use crate::transfer::cost_of;

const HASHES: &str = include_str!("vectors/hashes.json");

#[derive(Deserialize)]
struct Vector {
    form: String,
    password: String,
    hash: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(HASHES).unwrap()
}

fn of_form(form: &str) -> Vector {
    vectors().into_iter().find(|vector| vector.form == form).unwrap()
}

fn id_of(index: usize) -> String {
    format!("0192aa00-0000-7000-8000-{index:012x}")
}

async fn put(node: &Node, user_id: &str, hash: &str) {
    node.credentials(Role::Users).put_credential(put_hash(user_id, hash)).await.unwrap();
}

/// The hash that is kept.
async fn kept(node: &Node, user_id: &str) -> String {
    let request = ExportHashesRequest { user_ids: vec![user_id.to_owned()] };
    let answer = node.transfer(Role::Users).export_hashes(request).await.unwrap().into_inner();
    answer.hashes.into_iter().next().unwrap().password_hash
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_of_other_programs_log_in_and_are_replaced() {
    for node in Node::all().await {
        let vectors = vectors();
        assert!(vectors.len() > 40);
        let new = |(index, vector): (usize, &Vector)| NewCredential {
            user_id: id_of(index),
            password_hash: vector.hash.clone(),
        };
        let credentials = vectors.iter().enumerate().map(new).collect();
        let answer = node.transfer(Role::Users).put_credentials(PutCredentialsRequest { credentials }).await;
        assert_eq!(answer.unwrap().into_inner().refused, []);
        for (index, vector) in vectors.iter().enumerate() {
            let (id, form) = (id_of(index), &vector.form);
            // The first character counts in every form, however long the password is.
            let wrong = format!("x{}", vector.password);
            assert!(!node.verify(&id, &wrong).await.unwrap(), "{form}");
            assert!(node.verify(&id, &vector.password).await.unwrap(), "{form}");
            assert!(kept(&node, &id).await.starts_with("$argon2id$v=19$m=32,t=1,p=1$"), "{form}");
            assert!(node.verify(&id, &vector.password).await.unwrap(), "{form}, replaced");
        }
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bcrypt_of_others_is_compared_as_they_do_and_never_beyond() {
    let node = Node::start(CHEAP).await;
    let cut = of_form("bcrypt, cut at 72 bytes");
    put(&node, ADA, &cut.hash).await;
    let shorter: String = cut.password.chars().take(71).collect();
    assert!(!node.verify(ADA, &shorter).await.unwrap(), "71 bytes are fewer");
    // The same 72 bytes, the last of which begins another character.
    let typed = format!("{shorter}\u{ea} and something else");
    assert!(node.verify(ADA, &typed).await.unwrap());
    assert!(
        !node.verify(ADA, &cut.password).await.unwrap(),
        "from now on the whole of what was typed counts"
    );

    let plain = of_form("bcrypt $2b$");
    put(&node, BOB, &plain.hash).await;
    for with_nul in [format!("{}\0", plain.password), format!("{}\0more", plain.password)] {
        assert!(!node.verify(BOB, &with_nul).await.unwrap(), "it does not end at a NUL");
    }
    assert!(node.verify(BOB, &plain.password).await.unwrap());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_costs_too_much_or_is_too_little_is_refused_by_name() {
    let node = Node::start(CHEAP).await;
    let bcrypt = of_form("bcrypt $2b$").hash;
    let keycloak = of_form("Keycloak pbkdf2-sha256").hash;
    let table = [
        (bcrypt.replace("$05$", "$15$"), "too_costly", "cost 14"),
        (of_form("pbkdf2-sha256").hash.replace("29000", "2000001"), "too_costly", "2,000,000 iterations"),
        (keycloak.replace("27500", "2000001"), "too_costly", "2,000,000 iterations"),
        (of_form("scrypt PHC").hash.replace("ln=6", "ln=18"), "too_costly", "128 MiB"),
        (of_form("scrypt").hash.replace("scrypt$64$", "scrypt$4194304$"), "too_costly", "128 MiB"),
        (of_form("sha512-crypt").hash.replace("1500", "1000001"), "too_costly", "1,000,000 rounds"),
        ("{SSHA}".to_owned() + &"A".repeat(27), "too_weak", "a salt"),
        (format!("{{pepper:9}}{bcrypt}"), "unknown_pepper", "password.pepper"),
        (bcrypt.replace("$2b$", "$2x$"), "unsupported", "$argon2id$"),
        (bcrypt.replace("$05$", "$32$"), "unsupported", "$argon2id$"),
        ("5f4dcc3b5aa765d61d8327deb882cf99".to_owned(), "unsupported", "Keycloak"),
        ("$argon2id$".to_owned() + &"x".repeat(2000), "unsupported", "{SSHA}"),
        (String::from("{}"), "unsupported", "Django"),
    ];
    for (hash, code, word) in table {
        let refused = node.credentials(Role::Users).put_credential(put_hash(ADA, &hash)).await;
        let problem = problem_from(refused.unwrap_err());
        assert_eq!(field(&problem), ("/password_hash", code), "{hash}");
        assert!(problem.fields[0].detail.contains(word), "{}", problem.fields[0].detail);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_tells_that_an_account_was_imported() {
    let node = Node::start(CHEAP).await;
    node.put(ADA, FIRST).await.unwrap();
    let forms =
        ["bcrypt $2a$", "pbkdf2-sha256", "pbkdf2-sha512", "sha512-crypt", "scrypt PHC", "sha256-crypt"];
    for (index, form) in forms.iter().enumerate() {
        put(&node, &id_of(index), &of_form(form).hash).await;
        let mut ids: Vec<String> = (0..=index).map(id_of).collect();
        ids.extend([ADA.to_owned(), BOB.to_owned(), String::new()]);
        let expected = cost_of(&node, ADA, SECOND).await;
        for id in ids {
            assert_eq!(cost_of(&node, &id, SECOND).await, expected, "{form}");
            node.clock.advance(std::time::Duration::from_secs(300));
        }
    }
    let node = node.restart(&format!("[password]\nhide_imports = false\n{CHEAP}")).await;
    assert_eq!(cost_of(&node, &id_of(99), SECOND).await.into_iter().collect::<Vec<_>>(), [("argon2", 32)]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_hashes_are_made_as_the_setting_says() {
    let settings = [
        ("bcrypt", "[password.bcrypt]\ncost = 4\n", "$bcrypt-sha256$v=2,t=2b,r=4$"),
        ("pbkdf2-sha256", "[password.pbkdf2]\niterations = 700\n", "$pbkdf2-sha256$i=700,l=32$"),
        ("scrypt", "[password.scrypt]\nlog_n = 4\nr = 8\np = 1\n", "$scrypt$ln=4,r=8,p=1$"),
        ("argon2id", CHEAP, "$argon2id$v=19$m=32,t=1,p=1$"),
    ];
    let long = "quiet river umbrella ".repeat(10);
    let mut node = Node::start(CHEAP).await;
    node.put(ADA, &long).await.unwrap();
    for (name, cost, start) in settings {
        node = node.restart(&format!("[password]\nhash = \"{name}\"\n{cost}")).await;
        assert!(node.verify(ADA, &long).await.unwrap(), "{name}, replacing the one before");
        assert!(kept(&node, ADA).await.starts_with(start), "{name}");
        assert!(node.verify(ADA, &long).await.unwrap(), "{name}");
        assert!(!node.verify(ADA, &long[..long.len() - 1]).await.unwrap(), "{name}: nothing is cut");
        node.put(BOB, FIRST).await.unwrap();
        assert!(kept(&node, BOB).await.starts_with(start), "{name}");
        assert!(node.verify(BOB, FIRST).await.unwrap(), "{name}");
        node.clock.advance(std::time::Duration::from_secs(300));
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pepper_comes_is_rotated_and_goes_at_logins() {
    const OLD: &str = "1:MDEyMzQ1Njc4OWFiY2RlZg==";
    const NEW: &str = "2:ZmVkY2JhOTg3NjU0MzIxMA==";
    let with = |pepper: &str| format!("[password]\npepper = \"{pepper}\"\n{CHEAP}");
    let mut node = Node::start(CHEAP).await;
    node.put(ADA, FIRST).await.unwrap();
    let steps = [
        (OLD.to_owned(), "{pepper:1}$argon2id$"),
        (format!("{NEW},{OLD}"), "{pepper:2}$argon2id$"),
        (format!("none,{NEW}"), "$argon2id$"),
    ];
    for (pepper, start) in steps {
        node = node.restart(&with(&pepper)).await;
        assert!(!node.verify(ADA, SECOND).await.unwrap());
        assert!(node.verify(ADA, FIRST).await.unwrap(), "{pepper}");
        assert!(kept(&node, ADA).await.starts_with(start), "{pepper}");
        assert!(node.verify(ADA, FIRST).await.unwrap(), "{pepper}");
    }
    node = node.restart(&with(OLD)).await;
    node.put(BOB, FIRST).await.unwrap();
    node = node.restart(CHEAP).await;
    assert!(node.verify(BOB, FIRST).await.is_err(), "without the key nothing can be checked");
    node.stop().await;
}
