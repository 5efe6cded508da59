//! Objects among the settings: arrays of tables such as `[[gateway.routes]]`, which their crate reads by itself.

use super::{Entry, Settings, Source};

impl Settings {
    /// The tables of an array, as they stand in the settings file. A variable cannot hold them.
    pub fn tables(&mut self, key: &'static str, meaning: &'static str) -> Vec<toml::Table> {
        let tables = self.tables.remove(key).unwrap_or_default();
        if let Some((text, _)) = self.values.remove(key)
            && !text.is_empty()
        {
            self.mistakes.push(format!("{key}: write each as [[{key}]] in the settings file"));
        }
        let (value, source) = match tables.len() {
            0 => (String::new(), Source::Default),
            count => (format!("{count} in the file"), Source::File),
        };
        self.entries.push(Entry { key, value, default: "", source, meaning });
        tables
    }

    /// Keeps an array of tables; `false` when the array is something else.
    pub(super) fn keep_tables(&mut self, key: &str, items: &[toml::Value]) -> bool {
        let tables: Option<Vec<toml::Table>> = items.iter().map(|item| item.as_table().cloned()).collect();
        match tables {
            Some(tables) if !tables.is_empty() => {
                self.tables.insert(key.to_owned(), tables);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_handed_over_whole_and_only_when_asked_for() {
        let toml =
            "[[gateway.routes]]\nname = \"a\"\nmatch = { path = \"/a\" }\n[[gateway.rotes]]\nname = \"b\"";
        let mut settings = Settings::load(toml, []);
        let routes = settings.tables("gateway.routes", "");
        assert_eq!(routes[0]["match"]["path"].as_str(), Some("/a"));
        let mistakes = settings.finish().unwrap_err();
        assert!(mistakes.contains("gateway.rotes: there is no such setting; did you mean gateway.routes?"));
    }

    #[test]
    fn none_is_no_mistake_and_a_variable_is() {
        let mut settings = Settings::load("[gateway]\nroutes = []", []);
        assert_eq!(settings.tables("gateway.routes", ""), Vec::<toml::Table>::new());
        settings.finish().unwrap();
        let variable = ("DENIZEN_GATEWAY__ROUTES".to_owned(), "a".to_owned());
        let mut settings = Settings::load("", [variable]);
        settings.tables("gateway.routes", "");
        assert!(settings.finish().unwrap_err().contains("write each as [[gateway.routes]]"));
    }
}
