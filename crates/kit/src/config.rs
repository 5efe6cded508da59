//! Settings from a TOML file and the environment: unknown keys refused, every mistake told at once.
//!
//! Each crate reads its own keys with [`Settings`]; the same call states default and meaning, so that
//! `config explain` and the generated page cannot differ from what is read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

mod elsewhere;
mod tables;
mod units;

pub use units::{parse_duration, parse_size};

/// Settings that name a file themselves: their variables end with `_FILE`, and the file is not read for a value.
pub const FILES: [&str; 2] = ["aws.web_identity_token_file", "gateway.routes_file"];

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// The settings file.
    File,
    /// An environment variable of this name.
    Variable(String),
    /// A place that keeps secrets, by this reference.
    Elsewhere(String),
}

/// One key as it was read.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Dotted name.
    pub key: &'static str,
    /// Value in force; secrets are not shown.
    pub value: String,
    /// Default, as written in a file; empty for none.
    pub default: &'static str,
    /// Where it came from.
    pub source: Source,
    /// What it is for.
    pub meaning: &'static str,
}

/// The settings while they are being read.
#[derive(Debug, Default)]
pub struct Settings {
    values: BTreeMap<String, (String, Source)>,
    tables: BTreeMap<String, Vec<toml::Table>>,
    entries: Vec<Entry>,
    mistakes: Vec<String>,
}

// === impl Settings ===

impl Settings {
    /// Reads a TOML text and variables. Variables win. Mistakes are kept for [`Settings::finish`].
    pub fn load(toml: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut settings = Self::default();
        match toml.parse::<toml::Table>() {
            Ok(table) => settings.add_table("", &table),
            Err(error) => settings.mistakes.push(format!("settings file: {error}")),
        }
        for (name, value) in variables {
            settings.add_variable(&name, value);
        }
        settings
    }

    fn add_table(&mut self, prefix: &str, table: &toml::Table) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let text = match value {
                toml::Value::Table(inner) => {
                    self.add_table(&key, inner);
                    continue;
                }
                toml::Value::String(text) => text.clone(),
                toml::Value::Array(items) if self.keep_tables(&key, items) => continue,
                toml::Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            self.values.insert(key, (text, Source::File));
        }
    }

    fn add_variable(&mut self, name: &str, value: String) {
        let Some(rest) = name.strip_prefix("DENIZEN_") else { return };
        let source = Source::Variable(name.to_owned());
        let key = rest.to_lowercase().replace("__", ".");
        let file_key = key.strip_suffix("_file").filter(|_| !FILES.contains(&&*key));
        let Some(file_key) = file_key else {
            self.values.insert(key, (value, source));
            return;
        };
        match std::fs::read_to_string(&value) {
            Ok(secret) => {
                self.values.insert(file_key.to_owned(), (secret.trim_end().to_owned(), source));
            }
            Err(error) => self.mistakes.push(format!("{name}: {value}: {error}")),
        }
    }

    /// Takes a value from elsewhere (a command line, a variable of another product), unless the key has one.
    pub fn fallback(&mut self, key: &str, value: &str, origin: &str) {
        let entry = (value.to_owned(), Source::Variable(origin.to_owned()));
        self.values.entry(key.to_owned()).or_insert(entry);
    }

    /// Sets a value over all others (a command line).
    pub fn set(&mut self, key: &str, value: &str, origin: &str) {
        self.values.insert(key.to_owned(), (value.to_owned(), Source::Variable(origin.to_owned())));
    }

    fn take(
        &mut self,
        key: &'static str,
        default: &'static str,
        meaning: &'static str,
        secret: bool,
    ) -> Option<String> {
        let (value, source) = match self.values.remove(key) {
            Some((value, source)) => (Some(value), source),
            None if default.is_empty() => (None, Source::Default),
            None => (Some(default.to_owned()), Source::Default),
        };
        let shown = match (&value, self.is_hidden(key, secret, &source)) {
            (Some(_), true) => "(set)".to_owned(),
            (Some(value), false) => value.clone(),
            (None, _) => String::new(),
        };
        self.entries.push(Entry { key, value: shown, default, source, meaning });
        value.filter(|value| !value.is_empty())
    }

    /// A text, or none.
    pub fn text(
        &mut self,
        key: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Option<String> {
        self.take(key, default, meaning, false)
    }

    /// A secret text, never shown, or none.
    pub fn secret(&mut self, key: &'static str, meaning: &'static str) -> Option<String> {
        self.take(key, "", meaning, true)
    }

    /// A value of a type that can be read from text.
    ///
    /// # Panics
    /// When the default in the code cannot be read.
    pub fn value<T>(&mut self, key: &'static str, default: &'static str, meaning: &'static str) -> T
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        self.parse(key, default, meaning, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// A duration such as `30m`, `10s`, `250ms`, `30d`.
    pub fn duration(&mut self, key: &'static str, default: &'static str, meaning: &'static str) -> Duration {
        self.parse(key, default, meaning, parse_duration)
    }

    /// A size in bytes such as `64KiB`.
    pub fn size(&mut self, key: &'static str, default: &'static str, meaning: &'static str) -> u64 {
        self.parse(key, default, meaning, parse_size)
    }

    /// A list of values, comma-separated in a variable.
    pub fn list(&mut self, key: &'static str, default: &'static str, meaning: &'static str) -> Vec<String> {
        let text = self.take(key, default, meaning, false).unwrap_or_default();
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// A value read by a function of the crate.
    ///
    /// # Panics
    /// When the default in the code cannot be read.
    pub fn parse<T>(
        &mut self,
        key: &'static str,
        default: &'static str,
        meaning: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let text = self.take(key, default, meaning, false).unwrap_or_else(|| default.to_owned());
        match read(&text) {
            Ok(value) => value,
            Err(reason) => {
                self.mistakes.push(format!("{key}: {text:?}: {reason}"));
                read(default).unwrap_or_else(|reason| panic!("default of {key}: {reason}"))
            }
        }
    }

    /// Notes a mistake that only the whole shows.
    pub fn mistake(&mut self, text: impl Into<String>) {
        self.mistakes.push(text.into());
    }

    /// The keys read, or all mistakes as one text.
    pub fn finish(mut self) -> Result<Vec<Entry>, String> {
        let values = self.values.iter().map(|(key, (_, source))| (key, Some(source)));
        for (key, source) in values.chain(self.tables.keys().map(|key| (key, None))) {
            let place = match source {
                Some(Source::Variable(name)) => format!(" ({name})"),
                _ => String::new(),
            };
            let near = nearest(key, self.entries.iter().map(|entry| entry.key));
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            self.mistakes.push(format!("{key}{place}: there is no such setting{near}"));
        }
        if self.mistakes.is_empty() {
            self.entries.sort_by_key(|entry| entry.key);
            return Ok(self.entries);
        }
        let mut text = String::from("the settings have mistakes:\n");
        for mistake in &self.mistakes {
            let _ = writeln!(text, "  - {mistake}");
        }
        Err(text)
    }
}

fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The name that shares the most characters from either end with the key, if any is close: what was perhaps meant.
pub fn nearest<'a>(key: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let shared = |other: &str| {
        let front = key.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
        let back = key.chars().rev().zip(other.chars().rev()).take_while(|(a, b)| a == b).count();
        front.max(back)
    };
    let best = names.into_iter().max_by_key(|name| shared(name))?;
    (shared(best) * 2 > key.len()).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_win_and_all_mistakes_come_at_once() {
        let toml = "[auth]\nmax_sessions = 3\naccess_token_ttl = \"soon\"\nmax_sesions = 4";
        let mut settings = Settings::load(toml, variables(&[("DENIZEN_AUTH__MAX_SESSIONS", "7")]));
        assert_eq!(settings.value::<u32>("auth.max_sessions", "10", ""), 7);
        assert_eq!(settings.duration("auth.access_token_ttl", "30m", ""), Duration::from_secs(1800));
        let text = settings.finish().unwrap_err();
        assert!(text.contains("auth.access_token_ttl: \"soon\""), "{text}");
        assert!(text.contains("did you mean auth.max_sessions?"), "{text}");
    }

    #[test]
    fn a_setting_that_names_a_file_is_not_read_from_it() {
        let name = "DENIZEN_GATEWAY__ROUTES_FILE";
        let mut settings = Settings::load("", variables(&[(name, "/nowhere/routes.toml")]));
        assert_eq!(settings.text("gateway.routes_file", "", "").as_deref(), Some("/nowhere/routes.toml"));
        settings.finish().unwrap();
    }
}
