//! The rest of a profile: name, preferences, metadata.

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

/// Most bytes of metadata, as JSON text.
const MAX_METADATA: usize = 16 * 1024;

/// Deepest nesting of metadata.
const MAX_DEPTH: usize = 16;

/// The name of a person: 1 to 200 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// Reads a name.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let name = nfc(text.trim());
        if name.is_empty() || name.chars().count() > 200 {
            return Err("a name has 1 to 200 characters");
        }
        if name.chars().any(char::is_control) {
            return Err("a name has no line breaks or control characters");
        }
        Ok(Self(name))
    }

    /// The name as it was stored.
    pub(crate) fn stored(name: String) -> Self {
        Self(name)
    }

    /// The name as it was typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The form by which names are sorted and searched: NFKC, lower case.
    pub(crate) fn sort(&self) -> String {
        fold(&self.0)
    }
}

/// Folds a text as names are folded for sorting and prefix search.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkc().collect::<String>().to_lowercase()
}

/// A text in NFC; ASCII is it already.
pub(crate) fn nfc(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { text.nfc().collect() }
}

/// How a person wants to be told things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preferences {
    /// By e-mail.
    pub(crate) email: bool,
    /// By push message.
    pub(crate) push: bool,
    /// By SMS.
    pub(crate) sms: bool,
    /// Language of messages (BCP 47).
    pub(crate) locale: String,
}

impl Default for Preferences {
    fn default() -> Self {
        Self { email: true, push: true, sms: true, locale: "en".into() }
    }
}

/// Preferences to change; the others stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PreferencesPatch {
    /// By e-mail.
    pub(crate) email: Option<bool>,
    /// By push message.
    pub(crate) push: Option<bool>,
    /// By SMS.
    pub(crate) sms: Option<bool>,
    /// Language of messages.
    pub(crate) locale: Option<String>,
}

impl Preferences {
    /// The preferences after a change.
    #[must_use]
    pub(crate) fn patched(self, patch: &PreferencesPatch) -> Self {
        Self {
            email: patch.email.unwrap_or(self.email),
            push: patch.push.unwrap_or(self.push),
            sms: patch.sms.unwrap_or(self.sms),
            locale: patch.locale.clone().unwrap_or(self.locale),
        }
    }
}

/// Whether it looks like a language tag: a language of two or three letters, then subtags (RFC 5646 §2.1).
pub(crate) fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    text.len() <= 35
        && (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// What the application keeps about a person: a JSON object as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata(String);

impl Default for Metadata {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

// === impl Metadata ===

impl Metadata {
    /// The metadata of an object, if it is within its bounds.
    pub(crate) fn checked(value: &Value) -> Result<Self, &'static str> {
        check_metadata(value)?;
        Ok(Self::of(value))
    }

    /// The metadata of an object that was read by [`parse_metadata`].
    pub(crate) fn of(value: &Value) -> Self {
        Self(value.to_string())
    }

    /// The text as it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The object as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is kept.
    pub(crate) fn is_empty(&self) -> bool {
        self.0 == "{}"
    }

    /// The metadata after a merge patch, if it is still within its bounds.
    pub(crate) fn patched(&self, patch: &Value) -> Result<Self, &'static str> {
        let mut value = serde_json::from_str(&self.0).unwrap_or_default();
        merge(&mut value, patch);
        Self::checked(&value)
    }
}

/// Reads metadata: a JSON object of bounded size and depth.
pub(crate) fn parse_metadata(text: &str) -> Result<Value, &'static str> {
    if text.len() > MAX_METADATA {
        return Err("metadata has at most 16 KiB");
    }
    let value: Value = serde_json::from_str(text).map_err(|_| "metadata is a JSON object")?;
    check_metadata(&value)?;
    Ok(value)
}

/// Refuses metadata that is no object, too large or too deep.
fn check_metadata(value: &Value) -> Result<(), &'static str> {
    if !value.is_object() {
        return Err("metadata is a JSON object");
    }
    if depth(value) > MAX_DEPTH {
        return Err("metadata is nested at most 16 deep");
    }
    if value.to_string().len() > MAX_METADATA {
        return Err("metadata has at most 16 KiB");
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Applies a JSON merge patch (RFC 7396 §2).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merge_patch_examples_of_rfc_7396() {
        for (mut target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            merge(&mut target, &patch);
            assert_eq!(target, result);
        }
    }

    #[test]
    fn bounds() {
        assert!(parse_metadata("[]").is_err());
        assert!(parse_metadata(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_METADATA))).is_err());
        assert!(parse_metadata(&format!("{{\"a\":{}{}}}", "[".repeat(20), "]".repeat(20))).is_err());
        assert!(Name::parse("a\r\nBcc: x").is_err());
        assert!(
            is_locale("de-AT") && is_locale("zh-Hant-TW") && !is_locale("english") && !is_locale("de_AT")
        );
    }
}
