//! A JSON object that is read field by field. Texts stand for numbers, flags and objects too, as CSV has no others.

use denizen_kit::time::Timestamp;
use serde_json::{Map, Value};

use super::Fault;

/// Seconds from which on a number is taken for milliseconds: the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The fields of a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    at: String,
    map: Map<String, Value>,
}

// === impl Fields ===

impl Fields {
    /// The fields of a JSON object.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Self { at: String::new(), map }),
            Ok(_) => Err(Fault::new("", "malformed", "a record is a JSON object")),
            Err(error) => Err(Fault::new("", "malformed", format!("this is not JSON: {error}"))),
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, what: &str) -> Fault {
        Fault::new(&format!("{}/{name}", self.at), "invalid", format!("this must be {what}"))
    }

    /// A text; none when it is missing or empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    /// Yes or no; none when it is missing.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "" => Ok(None),
                "true" | "t" | "yes" | "1" => Ok(Some(true)),
                "false" | "f" | "no" | "0" => Ok(Some(false)),
                _ => Err(self.wrong(name, "true or false")),
            },
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    /// A time: RFC 3339 (PostgreSQL's way of writing it too), or Unix seconds or milliseconds.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let time = match text.parse::<i64>() {
            Ok(number) if number.abs() < MILLISECONDS_FROM => Timestamp::from_second(number).ok(),
            Ok(number) => Timestamp::from_millisecond(number).ok(),
            Err(_) => text.parse().ok(),
        };
        let time = time.ok_or_else(|| self.wrong(name, "a time such as 2026-01-31T12:00:00Z"))?;
        Ok(Some(denizen_kit::time::from_micros(time.as_microsecond())))
    }

    /// An object, or the text of one; none when it is missing.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Value>, Fault> {
        match self.value(name) {
            None => Ok(None),
            Some(object @ Value::Object(_)) => Ok(Some(object.clone())),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(object @ Value::Object(_)) => Ok(Some(object)),
                _ => Err(self.wrong(name, "a JSON object")),
            },
            Some(_) => Err(self.wrong(name, "a JSON object")),
        }
    }

    /// The fields of an object; no fields when it is missing.
    pub(crate) fn inner(&self, name: &str) -> Result<Fields, Fault> {
        let map = match self.object(name)? {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        Ok(Fields { at: format!("{}/{name}", self.at), map })
    }

    /// Texts of a list, or of one text with commas or semicolons between them.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Fault> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => {
                let parts = text.split([',', ';']).map(str::trim);
                Ok(parts.filter(|part| !part.is_empty()).map(str::to_owned).collect())
            }
            Some(Value::Array(items)) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or_else(|| self.wrong(name, "a list of texts"))
            }
            Some(_) => Err(self.wrong(name, "a list of texts")),
        }
    }

    /// The objects of a list; none when it is missing.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<Fields>, Fault> {
        let items = match self.value(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.wrong(name, "a list of objects")),
        };
        let fields = items.iter().enumerate().map(|(index, item)| match item {
            Value::Object(map) => Ok(Fields { at: format!("{}/{name}/{index}", self.at), map: map.clone() }),
            _ => Err(self.wrong(name, "a list of objects")),
        });
        fields.collect()
    }

    /// Names and texts of the fields.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.map.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }
}
