use denizen_kit::time::from_micros;

use super::*;

const PERSON: &str = "0192aa00-0000-7000-8000-00000000000a";

// The vectors of the README, made by another program.
const CANONICAL_1: &str = "\
     010192aa0000007000800000000000000100060a24181e4001000000000000000a617574682e6c6f67696e00000000000000\
     000100000000000000100192aa0000007000800000000000000a0100000000000000100192aa000000700080000000000000\
     0a01000000000000000501020304050000000000000009726571756573742d3100000000000000026f6b000000000000000f\
     7b22616d72223a5b22707764225d7d";
const CANONICAL_2: &str = "\
     010192aa000000700080000000000000020000000000000000000000000000000e6163636573732e72656675736564000000\
     000000000b736572766963653a6f747000000000000000000000000000000000000007726566757365640000000000000002\
     7b7d";
const HASH_1: &str = "65374d12442ce44439a83a955e0379864703a19cc2d4a767ae43711b87a232b3";
const HASH_2: &str = "1491d91f622882d269efae98c41ee95f26f16689d5aadfab35e3a3f47d64af0f";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn login() -> Content {
    Content {
        id: "0192aa00-0000-7000-8000-000000000001".parse().unwrap(),
        at: from_micros(1_700_000_000_000_001),
        action: "auth.login".to_owned(),
        actor: String::new(),
        subject: Some(PERSON.parse().unwrap()),
        ip_owner: Some(PERSON.parse().unwrap()),
        ip: Some(vec![1, 2, 3, 4, 5]),
        request_id: "request-1".to_owned(),
        result: "ok".to_owned(),
        details: r#"{"amr":["pwd"]}"#.to_owned(),
    }
}

fn refusal() -> Content {
    Content {
        id: "0192aa00-0000-7000-8000-000000000002".parse().unwrap(),
        at: from_micros(0),
        action: "access.refused".to_owned(),
        actor: "service:otp".to_owned(),
        subject: None,
        ip_owner: None,
        ip: None,
        request_id: String::new(),
        result: "refused".to_owned(),
        details: "{}".to_owned(),
    }
}

type Chain = Vec<(Link, Option<Content>)>;
type Change = (&'static str, fn(&mut Content));
type Positions = BTreeMap<String, i64>;

/// A chain of six entries from two producers, its head, and the producers' positions.
fn chain() -> (Chain, Head, Positions) {
    let mut head = Head::default();
    let mut chain = Chain::new();
    for (producer, producer_seq) in
        [("auth", 41), ("otp", 7), ("auth", 42), ("auth", 43), ("otp", 8), ("auth", 44)]
    {
        let content = if producer == "auth" { login() } else { refusal() };
        let link = head.append(producer, &Draft { producer_seq, content: content.clone() });
        chain.push((link, Some(content)));
    }
    let positions = [("auth", 44), ("otp", 8), ("users", 0)];
    (chain, head, positions.map(|(producer, seq)| (producer.to_owned(), seq)).into())
}

fn walk(chain: &Chain, head: &Head, positions: &Positions) -> Result<(), Broken> {
    let mut walk = Walk::default();
    chain.iter().try_for_each(|(link, content)| walk.step(link, content.as_ref(), false))?;
    walk.finish(head, positions)
}

/// The seq at which a changed chain breaks.
fn broken_after(change: impl FnOnce(&mut Chain)) -> Option<i64> {
    let (mut chain, head, positions) = chain();
    change(&mut chain);
    walk(&chain, &head, &positions).err().map(|broken| broken.seq)
}

#[test]
fn canonical_form_has_fixed_bytes() {
    assert_eq!(hex(&canonical(&login())), CANONICAL_1);
    assert_eq!(hex(&canonical(&refusal())), CANONICAL_2);
}

#[test]
fn hashes_are_fixed_and_chained() {
    let (chain, _, _) = chain();
    assert_eq!(hex(&chain[0].0.hash), HASH_1);
    assert_eq!(hex(&chain[1].0.hash), HASH_2);
}

#[test]
fn the_readme_states_these_vectors() {
    let readme: String = include_str!("../../README.md").split_whitespace().collect();
    for vector in [CANONICAL_1, CANONICAL_2, HASH_1, HASH_2] {
        assert!(readme.contains(vector), "{vector}");
    }
}

#[test]
fn no_two_contents_have_one_form() {
    let moved = Content { action: "auth.loginx".to_owned(), ..login() };
    let other = Content { action: "auth.login".to_owned(), actor: "x".to_owned(), ..login() };
    assert_ne!(canonical(&moved), canonical(&other));
    let absent = Content { ip: None, ..login() };
    let empty = Content { ip: Some(Vec::new()), ..login() };
    assert_ne!(canonical(&absent), canonical(&empty));
    let swapped = Content { subject: None, ..login() };
    let back = Content { ip_owner: None, ..login() };
    assert_ne!(canonical(&swapped), canonical(&back));
}

#[test]
fn an_untouched_chain_holds() {
    assert_eq!(broken_after(|_| {}), None);
    assert_eq!(walk(&Chain::new(), &Head::default(), &[("auth".to_owned(), 0)].into()), Ok(()));
}

#[test]
fn a_change_of_any_field_is_found_where_it_is() {
    let other = || Some("0192aa00-0000-7000-8000-00000000000b".parse().unwrap());
    let changes: [Change; 8] = [
        ("id", |content| content.id = uuid::Uuid::nil()),
        ("at", |content| content.at = from_micros(1_700_000_000_000_002)),
        ("action", |content| content.action.push('x')),
        ("actor", |content| content.actor.push('x')),
        ("subject", |content| content.subject = None),
        ("request_id", |content| content.request_id.clear()),
        ("result", |content| content.result = "failed".to_owned()),
        ("details", |content| content.details = "{}".to_owned()),
    ];
    for (name, change) in changes {
        assert_eq!(broken_after(|chain| change(chain[2].1.as_mut().unwrap())), Some(3), "{name}");
    }
    assert_eq!(broken_after(|chain| chain[2].1.as_mut().unwrap().subject = other()), Some(3));
    assert_eq!(broken_after(|chain| chain[2].1.as_mut().unwrap().ip_owner = other()), Some(3));
    assert_eq!(broken_after(|chain| chain[2].1.as_mut().unwrap().ip_owner = None), Some(3));
    assert_eq!(
        broken_after(|chain| chain[2].1.as_mut().unwrap().ip = None),
        Some(3),
        "a sealed address stays"
    );
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    let (untouched, _, _) = chain();
    let content = untouched[2].1.clone().unwrap();
    for byte in 0..content.details.len() {
        let change = |chain: &mut Chain| {
            let content = chain[2].1.as_mut().unwrap();
            let mut bytes = content.details.clone().into_bytes();
            bytes[byte] ^= 1;
            content.details = String::from_utf8(bytes).unwrap();
        };
        assert_eq!(broken_after(change), Some(3), "details {byte}");
    }
    for byte in 0..content.ip.unwrap().len() {
        assert_eq!(
            broken_after(|chain| chain[2].1.as_mut().unwrap().ip.as_mut().unwrap()[byte] ^= 0x80),
            Some(3)
        );
    }
    for byte in 0..32 {
        assert_eq!(broken_after(|chain| chain[2].0.digest[byte] ^= 1), Some(3), "digest {byte}");
        assert_eq!(broken_after(|chain| chain[2].0.hash[byte] ^= 1), Some(3), "hash {byte}");
        assert_eq!(broken_after(|chain| chain[5].0.hash[byte] ^= 1), Some(6), "last hash {byte}");
    }
    assert_eq!(broken_after(|chain| chain[2].0.producer = "otp".to_owned()), Some(3));
    assert_eq!(broken_after(|chain| chain[2].0.producer_seq += 1), Some(3));
}

#[test]
fn links_cannot_go_come_or_change_places() {
    assert_eq!(broken_after(|chain| drop(chain.remove(2))), Some(3), "taken out");
    assert_eq!(broken_after(|chain| drop(chain.remove(0))), Some(1), "the first taken out");
    assert_eq!(broken_after(|chain| drop(chain.pop())), Some(6), "the last taken out");
    assert_eq!(broken_after(|chain| chain[2].1 = None), Some(3), "contents taken out");
    assert_eq!(broken_after(|chain| chain.swap(2, 3)), Some(3), "swapped");
    assert_eq!(broken_after(|chain| chain[0].0.seq = 0), Some(0), "slipped in before");
    let rewritten = |chain: &mut Chain| {
        let digest = digest(&refusal());
        chain[2].1 = Some(refusal());
        chain[2].0.digest = digest.to_vec();
        chain[2].0.hash = hash(&chain[1].0.hash, &chain[2].0).to_vec();
    };
    assert_eq!(broken_after(rewritten), Some(4), "rewritten with its own hash: the next does not hang on it");
}

#[test]
fn a_chain_that_was_rebuilt_shorter_does_not_fit_the_positions() {
    let (mut chain, _, positions) = chain();
    chain.pop();
    let last = &chain[4].0;
    let head = Head { seq: last.seq, hash: last.hash.clone() };
    let expected = Broken { seq: 6, fault: Fault::Position { producer: "auth".to_owned() } };
    assert_eq!(walk(&chain, &head, &positions), Err(expected));
}

#[test]
fn an_event_that_was_left_out_is_found() {
    let mut head = Head::default();
    let mut walk = Walk::default();
    for (producer_seq, holds) in [(41, true), (42, true), (44, false)] {
        let draft = Draft { producer_seq, content: login() };
        let link = head.append("auth", &draft);
        let gap = Fault::Gap { producer: "auth".to_owned(), after: 42, found: 44 };
        let expected = if holds { Ok(()) } else { Err(Broken { seq: 3, fault: gap }) };
        assert_eq!(walk.step(&link, Some(&draft.content), false), expected);
    }
}

#[test]
fn contents_may_be_gone_where_they_were_removed_only() {
    let (mut chain, head, positions) = chain();
    chain[1].1 = None;
    let fault = walk(&chain, &head, &positions).map_err(|broken| (broken.seq, broken.fault));
    assert_eq!(fault, Err((2, Fault::ContentsGone)));
    let mut walk = Walk::default();
    for (link, content) in &chain {
        walk.step(link, content.as_ref(), link.seq == 2).unwrap();
    }
    assert_eq!(walk.finish(&head, &positions), Ok(()));
}

#[test]
fn a_walk_goes_on_from_a_place() {
    let (chain, head, positions) = chain();
    let mut first = Walk::default();
    chain[..3].iter().try_for_each(|(link, content)| first.step(link, content.as_ref(), false)).unwrap();
    let mut second = Walk::from(&first.place());
    chain[3..].iter().try_for_each(|(link, content)| second.step(link, content.as_ref(), false)).unwrap();
    assert_eq!(second.finish(&head, &positions), Ok(()));
    let elsewhere = Place { hash: "00".repeat(32), ..first.place() };
    assert_eq!(
        Walk::from(&elsewhere).step(&chain[3].0, chain[3].1.as_ref(), false),
        Err(Broken { seq: 4, fault: Fault::Link })
    );
}
