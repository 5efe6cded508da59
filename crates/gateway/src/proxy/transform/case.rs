//! Names of members from one case to another.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;

use super::json::Json;
use super::open::Ambiguous;
use super::pointer::Pointer;

/// How many levels of a document are converted; what is deeper keeps its names.
const DEEPEST: usize = 16;

/// How the words of a name are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Case {
    /// `user_id`
    Snake,
    /// `userId`
    Camel,
}

// === impl Case ===

impl Case {
    /// The name in this case. Only ASCII letters have one; all else stays.
    fn of(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::Snake if name.bytes().any(|byte| byte.is_ascii_uppercase()) => Cow::Owned(snake(name)),
            Self::Camel if name.contains('_') => Cow::Owned(camel(name)),
            _ => Cow::Borrowed(name),
        }
    }
}

/// `userID` is `user_id`, `HTTPServer` is `http_server`: a word starts at a capital after a small letter or digit, and
/// at the last of several capitals when a small letter follows.
fn snake(name: &str) -> String {
    let mut joined = String::with_capacity(name.len() + 4);
    let mut letters = name.chars().peekable();
    let mut before = '_';
    while let Some(letter) = letters.next() {
        let follows_small = before.is_ascii_lowercase() || before.is_ascii_digit();
        let ends_capitals =
            before.is_ascii_uppercase() && letters.peek().is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (follows_small || ends_capitals) {
            joined.push('_');
        }
        joined.push(letter.to_ascii_lowercase());
        before = letter;
    }
    joined
}

/// `user_id` is `userId`; underscores at the ends, several in a row, and one before a digit stay.
fn camel(name: &str) -> String {
    let mut joined = String::with_capacity(name.len());
    let mut letters = name.chars().peekable();
    let mut before = '_';
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied().unwrap_or('_');
        if letter == '_' && before != '_' && next.is_ascii_alphabetic() {
            joined.push(next.to_ascii_uppercase());
            letters.next();
            before = next;
            continue;
        }
        joined.push(letter);
        before = letter;
    }
    joined
}

/// Converts the names of a document, but for those below the places in `spared` (named in the new case, an item of an
/// array by the place of its array). A name that is there in both cases keeps the value of the new one.
pub(super) fn convert(json: &mut Json<'_>, to: Case, spared: &[Pointer]) -> Result<(), Ambiguous> {
    let spared: Vec<&[String]> = spared.iter().map(Pointer::segments).collect();
    convert_level(json, to, &spared, DEEPEST)
}

fn convert_level(
    json: &mut Json<'_>,
    to: Case,
    spared: &[&[String]],
    levels: usize,
) -> Result<(), Ambiguous> {
    if levels == 0 || spared.iter().any(|place| place.is_empty()) {
        return Ok(());
    }
    json.open()?;
    match json {
        Json::Array(items) => {
            items.iter_mut().try_for_each(|item| convert_level(item, to, spared, levels - 1))
        }
        Json::Object(members) => {
            rename_members(members, to);
            members.iter_mut().try_for_each(|(name, value)| {
                let below: Vec<&[String]> = spared.iter().filter_map(|place| below(place, name)).collect();
                convert_level(value, to, &below, levels - 1)
            })
        }
        Json::Closed(_) => Ok(()),
    }
}

/// What is left of a place below a member, if it leads there.
fn below<'p>(place: &'p [String], name: &str) -> Option<&'p [String]> {
    place.split_first().filter(|(first, _)| *first == name).map(|(_, rest)| rest)
}

fn rename_members(members: &mut Vec<(String, Json<'_>)>, to: Case) {
    if members.iter().all(|(name, _)| matches!(to.of(name), Cow::Borrowed(_))) {
        return;
    }
    let kept = members.iter().filter(|(name, _)| to.of(name) == name.as_str());
    let mut taken: HashSet<String> = kept.map(|(name, _)| name.clone()).collect();
    members.retain_mut(|(name, _)| {
        let converted = to.of(name).into_owned();
        if converted == *name {
            return true;
        }
        name.clone_from(&converted);
        taken.insert(converted)
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn converted(body: &Value, to: Case, spared: &[&str]) -> Value {
        let text = body.to_string();
        let mut json = Json::strict(&text).unwrap();
        let spared: Vec<Pointer> = spared.iter().map(|text| Pointer::parse(text).unwrap()).collect();
        convert(&mut json, to, &spared).unwrap();
        serde_json::from_slice(&json.bytes()).unwrap()
    }

    #[test]
    fn names_in_both_cases() {
        let pairs = [
            ("userId", "user_id"),
            ("userID", "user_id"),
            ("HTTPServer", "http_server"),
            ("sendSMS", "send_sms"),
            ("line2Text", "line2_text"),
            ("_Private", "_private"),
            ("already_snake", "already_snake"),
            ("größeCm", "größe_cm"),
        ];
        for (camel, snake) in pairs {
            assert_eq!(Case::Snake.of(camel), snake);
        }
        assert_eq!(Case::Camel.of("new_password"), "newPassword");
        assert_eq!(Case::Camel.of("_a__b_2_c_"), "_a__b_2C_");
    }

    #[test]
    fn a_document_is_converted_but_for_what_is_spared() {
        let body =
            json!({"userId": 1, "metaData": {"keepMe": {"andMe": 1}}, "aList": [{"bC": [[{"dE": null}]]}]});
        assert_eq!(
            converted(&body, Case::Snake, &["/meta_data"]),
            json!({"user_id": 1, "meta_data": {"keepMe": {"andMe": 1}}, "a_list": [{"b_c": [[{"d_e": null}]]}]})
        );
        let items = json!({"items": [{"metadata": {"aB": 1}, "aB": 1}]});
        assert_eq!(
            converted(&items, Case::Snake, &["/items/metadata"]),
            json!({"items": [{"metadata": {"aB": 1}, "a_b": 1}]})
        );
    }

    #[test]
    fn a_name_in_both_cases_keeps_the_new_one() {
        assert_eq!(converted(&json!({"aB": 1, "a_b": 2}), Case::Snake, &[]), json!({"a_b": 2}));
        assert_eq!(converted(&json!({"xID": 1, "xId": 2}), Case::Snake, &[]), json!({"x_id": 1}));
    }

    #[test]
    fn what_is_too_deep_keeps_its_names() {
        let deep = r#"{"aB":"#.repeat(40) + "1" + &"}".repeat(40);
        let mut json = Json::strict(&deep).unwrap();
        convert(&mut json, Case::Snake, &[]).unwrap();
        let text = String::from_utf8(json.bytes().to_vec()).unwrap();
        assert_eq!((text.matches("a_b").count(), text.matches("aB").count()), (DEEPEST, 40 - DEEPEST));
    }

    proptest! {
        #[test]
        fn snake_comes_back_from_camel(name in "[a-z][a-z0-9]{1,5}(_[a-z][a-z0-9]{1,5}){0,3}") {
            let there = Case::Camel.of(&name).into_owned();
            prop_assert_eq!(Case::Snake.of(&there), name);
        }

        #[test]
        fn converting_twice_changes_nothing_more(name in "\\PC{0,24}") {
            for case in [Case::Snake, Case::Camel] {
                let once = case.of(&name).into_owned();
                prop_assert_eq!(case.of(&once).into_owned(), once.clone());
            }
        }
    }
}
