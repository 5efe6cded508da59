//! Reads one object key by key.

use denizen_kit::config::nearest;
use serde::de::DeserializeOwned;

use super::Mistake;

/// Longest name of an object.
const MAX_NAME: usize = 64;

/// The keys of one object while they are being read. Mistakes are gathered.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) name: String,
    kind: &'static str,
    table: toml::Table,
    known: Vec<&'static str>,
    mistakes: Vec<Mistake>,
}

// === impl Fields ===

impl Fields {
    /// Begins with an object; its place among its kind, from 1, stands for a name that it lacks.
    pub(crate) fn new(kind: &'static str, place: usize, table: toml::Table) -> Self {
        let mut fields =
            Self { name: format!("#{place}"), kind, table, known: Vec::new(), mistakes: Vec::new() };
        match fields.take::<String>("name") {
            Some(name) if is_name(&name) => fields.name = name,
            Some(name) => fields.mistake(
                "name",
                format!("{name:?}: write 1 to {MAX_NAME} small letters, digits, '-', '_' and '.'"),
            ),
            None => fields.mistake("name", "each needs a name of its own"),
        }
        fields
    }

    /// The value of a key; none when it is not there, or cannot be read, which is noted.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        self.known.push(key);
        let value = self.table.remove(key)?;
        match serde_path_to_error::deserialize(value) {
            Ok(value) => Some(value),
            Err(error) => {
                let path = match error.path().to_string().as_str() {
                    "." => key.to_owned(),
                    path if path.starts_with('[') => format!("{key}{path}"),
                    path => format!("{key}.{path}"),
                };
                let detail = error.into_inner().to_string();
                self.mistake(&path, detail.trim_end());
                None
            }
        }
    }

    /// The value of a key by a function that says what to write instead.
    pub(crate) fn parse<T: DeserializeOwned, O>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(T) -> Result<O, String>,
    ) -> Option<O> {
        match read(self.take(key)?) {
            Ok(value) => Some(value),
            Err(detail) => {
                // A part that knows its own keys says which it is.
                let within = detail.strip_prefix(key).filter(|rest| rest.starts_with(['.', '[']));
                match within.and_then(|rest| rest.split_once(": ")) {
                    Some((below, said)) => self.mistake(&format!("{key}{below}"), said),
                    None => self.mistake(key, detail),
                }
                None
            }
        }
    }

    /// Whether the key is there, read or not.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes a mistake.
    pub(crate) fn mistake(&mut self, key: &str, detail: impl Into<String>) {
        let object = format!("{} {}", self.kind, self.name);
        self.mistakes.push(Mistake { object, key: key.to_owned(), detail: detail.into() });
    }

    /// The end: keys that nobody asked for are mistakes.
    pub(crate) fn finish(mut self) -> Vec<Mistake> {
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        for key in unknown {
            let near = nearest(&key, self.known.iter().copied());
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            self.mistake(&key, format!("there is no such key{near}"));
        }
        self.mistakes
    }
}

fn is_name(name: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Part {
        #[expect(dead_code, reason = "only its reading is looked at")]
        count: u32,
    }

    #[test]
    fn every_mistake_of_an_object_is_told_with_its_key() {
        let table =
            "name = \"A b\"\nretries = \"two\"\npart = { count = -1 }\nother = { cuont = 1 }\nretrie = 3";
        let mut fields = Fields::new("route", 4, table.parse().unwrap());
        assert!(fields.take::<u32>("retries").is_none());
        assert!(fields.take::<Part>("part").is_none() && fields.take::<Part>("other").is_none());
        let mistakes: Vec<String> = fields.finish().iter().map(ToString::to_string).collect();
        assert_eq!(mistakes.len(), 5, "{mistakes:#?}");
        assert!(mistakes[0].starts_with("route #4: name: \"A b\": write"));
        assert!(mistakes[1].starts_with("route #4: retries: invalid type"));
        assert!(mistakes[2].starts_with("route #4: part.count: "));
        assert!(mistakes[3].contains("other") && mistakes[3].contains("cuont"));
        assert_eq!(mistakes[4], "route #4: retrie: there is no such key; did you mean retries?");
    }
}
