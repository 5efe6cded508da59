//! Where routes and upstreams stand: in the settings file, and in a file of their own.

use std::path::{Path, PathBuf};

use denizen_kit::config::Settings;

use super::spec::{Mistake, Raw};

/// The tables there are, and what each holds.
const TABLES: [(&str, &str); 3] = [
    ("upstreams", "other services that requests are passed on to; see docs/gateway.md"),
    ("routes", "which requests go where, and on what terms; see docs/gateway.md"),
    ("grants", "what roles allow at routes beyond the permissions of this system"),
];

/// Where routes and upstreams stand.
#[derive(Clone, Debug, Default)]
pub struct RouteFiles {
    /// Those of settings that are in no file.
    pub(crate) given: Raw,
    /// The settings file, which may hold some.
    pub settings: Option<PathBuf>,
    /// Their own file, if the settings name one.
    pub named: Option<PathBuf>,
    /// Where their own file is looked for otherwise: the first that is there counts.
    pub places: Vec<PathBuf>,
}

/// What the files say: the text of each, or why it cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    settings: Option<File>,
    own: Option<File>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    path: PathBuf,
    text: Result<String, String>,
}

// === impl RouteFiles ===

impl RouteFiles {
    /// Takes the objects out of the settings, and the name of their own file.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let given = Raw {
            upstreams: settings.tables("gateway.upstreams", TABLES[0].1),
            routes: settings.tables("gateway.routes", TABLES[1].1),
            grants: settings.tables("gateway.grants", TABLES[2].1),
        };
        let named = settings.text(
            "gateway.routes_file",
            "",
            "file with more upstreams and routes, watched; by itself routes.toml beside the settings file or in the data folder",
        );
        Self { given, named: named.map(PathBuf::from), ..Self::default() }
    }

    /// Reads the files.
    pub(crate) fn texts(&self) -> Texts {
        let own = self.named.clone().or_else(|| self.places.iter().find(|path| path.is_file()).cloned());
        Texts { settings: self.settings.as_deref().map(File::read), own: own.as_deref().map(File::read) }
    }

    /// The objects in the files, and what is wrong beside them. Nothing, when a file cannot be read at all.
    pub(crate) fn parse(&self, texts: &Texts) -> Result<(Raw, Vec<Mistake>), Vec<Mistake>> {
        let (mut mistakes, mut errors) = (Vec::new(), Vec::new());
        let mut raw = Raw::default();
        match &texts.settings {
            None => raw.add(self.given.clone()),
            Some(file) => match file.tables() {
                // Its other keys are checked where settings are read.
                Ok(mut tables) => raw.add(take_objects(file, &mut tables, &mut mistakes)),
                Err(mistake) => errors.push(mistake),
            },
        }
        if let Some(file) = &texts.own {
            match file.tables() {
                Ok(mut tables) => {
                    raw.add(take_objects(file, &mut tables, &mut mistakes));
                    refuse_others(file, &tables, &mut mistakes);
                }
                Err(mistake) => errors.push(mistake),
            }
        }
        if errors.is_empty() { Ok((raw, mistakes)) } else { Err(errors) }
    }
}

// === impl File ===

impl File {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        Self { path: path.to_owned(), text }
    }

    fn mistake(&self, key: &str, detail: impl Into<String>) -> Mistake {
        let name = self
            .path
            .file_name()
            .map_or_else(|| self.path.as_os_str().to_string_lossy(), |name| name.to_string_lossy());
        Mistake { object: name.into_owned(), key: key.to_owned(), detail: detail.into() }
    }

    fn tables(&self) -> Result<toml::Table, Mistake> {
        let text =
            self.text.as_ref().map_err(|error| self.mistake("", format!("cannot be read: {error}")))?;
        text.parse().map_err(|error: toml::de::Error| self.mistake("", error.to_string().trim_end()))
    }
}

/// Takes the objects out of a file's tables.
fn take_objects(file: &File, tables: &mut toml::Table, mistakes: &mut Vec<Mistake>) -> Raw {
    let Some(toml::Value::Table(gateway)) = tables.get_mut("gateway") else { return Raw::default() };
    let mut take = |key: &str| {
        let value = gateway.remove(key).unwrap_or(toml::Value::Array(Vec::new()));
        let items = value.as_array().cloned().unwrap_or_default();
        let list: Vec<toml::Table> = items.iter().filter_map(|item| item.as_table().cloned()).collect();
        if list.len() != items.len() || !value.is_array() {
            mistakes
                .push(file.mistake(&format!("gateway.{key}"), format!("write each as [[gateway.{key}]]")));
        }
        list
    };
    Raw { upstreams: take("upstreams"), routes: take("routes"), grants: take("grants") }
}

/// A file of routes holds nothing else.
fn refuse_others(file: &File, tables: &toml::Table, mistakes: &mut Vec<Mistake>) {
    let within =
        tables.get("gateway").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
    let others = tables.keys().filter(|key| *key != "gateway").cloned();
    for key in others.chain(within.map(|key| format!("gateway.{key}"))) {
        let detail = "stands in the settings file; here are [[gateway.upstreams]], [[gateway.routes]] and [[gateway.grants]]";
        mistakes.push(file.mistake(&key, detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(settings: &str, own: &str) -> Result<(Raw, Vec<Mistake>), Vec<Mistake>> {
        let file = |name: &str, text: &str| Some(File { path: name.into(), text: Ok(text.to_owned()) });
        let texts = Texts { settings: file("denizen.toml", settings), own: file("routes.toml", own) };
        RouteFiles::default().parse(&texts)
    }

    #[test]
    fn objects_of_both_files_count() {
        let settings = "listen = \"x\"\n[gateway]\nbody_limit = 1\n[[gateway.routes]]\nname = \"a\"";
        let (raw, mistakes) =
            parse(settings, "[[gateway.routes]]\nname = \"b\"\n[[gateway.upstreams]]\nname = \"c\"").unwrap();
        assert_eq!((raw.routes.len(), raw.upstreams.len(), mistakes), (2, 1, Vec::new()));
    }

    #[test]
    fn a_file_of_routes_holds_nothing_else_and_one_that_is_no_toml_is_not_taken_in() {
        let (_, mistakes) = parse("", "listen = \"x\"\n[gateway]\nroutes = 1\nbody_limit = 1").unwrap();
        let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
        assert_eq!(keys, ["gateway.routes", "listen", "gateway.body_limit"]);
        let errors = parse("[[gateway.routes]]\nname = \"a\"", "[[gateway.").unwrap_err();
        assert_eq!(errors[0].object, "routes.toml");
        assert!(errors[0].detail.contains("line 1"), "{}", errors[0]);
    }
}
