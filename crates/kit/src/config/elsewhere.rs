//! Secrets that are kept elsewhere: a setting says where, and who starts the process fetches them.

use super::{Settings, Source};

impl Settings {
    /// A value as it was given, before it is read.
    pub fn given(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|(value, _)| value.as_str())
    }

    /// The keys whose values start so, with their values.
    pub fn references(&self, prefix: &str) -> Vec<(String, String)> {
        let begins = self.values.iter().filter(|(_, (value, _))| value.starts_with(prefix));
        begins.map(|(key, (value, _))| (key.clone(), value.clone())).collect()
    }

    /// Whether a value is not shown: a secret, and what was fetched as one by mistake.
    pub(super) fn is_hidden(&mut self, key: &str, secret: bool, source: &Source) -> bool {
        let fetched = matches!(source, Source::Elsewhere(_));
        if fetched && !secret {
            self.mistakes.push(format!("{key}: this is no secret; write the value itself"));
        }
        secret || fetched
    }

    /// Puts what was fetched in the place of its reference. Only secrets may be kept elsewhere: nothing else is hidden
    /// when settings are shown.
    pub fn fetched(&mut self, key: &str, reference: &str, secret: &str) {
        self.values.insert(key.to_owned(), (secret.to_owned(), Source::Elsewhere(reference.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetched_secret_is_read_and_never_shown() {
        let mut settings = Settings::load("master_key = \"far:a\"\nlog = \"info\"", []);
        assert_eq!(settings.references("far:"), [("master_key".to_owned(), "far:a".to_owned())]);
        settings.fetched("master_key", "far:a", "hush");
        assert_eq!(settings.given("master_key"), Some("hush"));
        assert_eq!(settings.secret("master_key", "").as_deref(), Some("hush"));
        settings.text("log", "", "");
        let entries = settings.finish().unwrap();
        let entry = entries.iter().find(|entry| entry.key == "master_key").unwrap();
        assert_eq!((entry.value.as_str(), &entry.source), ("(set)", &Source::Elsewhere("far:a".to_owned())));
    }

    #[test]
    fn what_would_be_shown_may_not_be_kept_elsewhere() {
        let mut settings = Settings::load("log = \"far:a\"", []);
        settings.fetched("log", "far:a", "hush");
        settings.text("log", "", "");
        let mistakes = settings.finish().unwrap_err();
        assert!(mistakes.contains("log: this is no secret") && !mistakes.contains("hush"), "{mistakes}");
    }
}
