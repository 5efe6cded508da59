//! The settings of a process: the sum of the crates' own, and the few that concern the whole.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use denizen_kit::caller::Role;
use denizen_kit::config::{Entry, Settings};
use denizen_tls::LinkFiles;
use denizen_upstream::Targets;

use crate::peers;
use crate::references;
use crate::roles::Roles;
use crate::traces;

/// How strict a process is about its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On a laptop: a mailbox for mails, a key made at the first start.
    Development,
    /// Everything must have been said.
    Production,
}

impl Mode {
    /// The mode as it stands in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Development => "development",
            Mode::Production => "production",
        }
    }
}

/// The settings of a process.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each crate documents its own settings")]
pub struct Config {
    /// Where the public faces (or, without a gateway, internal calls) are served.
    pub listen: SocketAddr,
    /// Where internal calls are served by a process that also holds the gateway.
    pub internal_listen: Option<SocketAddr>,
    /// The address under which people reach the system.
    pub public_url: String,
    /// How strict the process is.
    pub mode: Mode,
    /// What runs here.
    pub roles: Roles,
    /// Where the others run.
    pub services: BTreeMap<Role, Targets>,
    /// Certificates of the links between processes, when those speak TLS.
    pub links: Option<LinkFiles>,
    /// Key that signs callers between processes, in base64.
    pub shared_key: Option<String>,
    /// Master key in base64.
    pub master_key: Option<String>,
    /// Master key that is to follow, in base64, or `aws-kms:` with an ARN; for `denizen keys rotate` alone.
    pub master_key_new: Option<String>,
    /// Log filter.
    pub log: String,
    /// Where traces go, and how many.
    pub telemetry: traces::Config,
    /// First administrator.
    pub admin: Option<(String, String)>,
    pub db: denizen_db::Config,
    pub cache: denizen_cache::Config,
    pub storage: denizen_storage::Config,
    pub aws: denizen_storage::AwsConfig,
    pub users: denizen_users::Config,
    pub auth: denizen_auth::Config,
    pub password: denizen_password::Config,
    pub otp: denizen_otp::Config,
    pub notify: denizen_notify::Config,
    pub audit: denizen_audit::Config,
    pub gateway: denizen_gateway::Config,
}

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// `--env-file FILE`.
    pub env_file: Option<PathBuf>,
    /// `--roles LIST`.
    pub roles: Option<String>,
}

/// Name of the file of routes.
const ROUTES: &str = "routes.toml";

/// Reads the settings of the process from its file and environment.
pub async fn load(sources: &Sources) -> Result<(Config, Vec<Entry>), String> {
    let mut variables: Vec<(String, String)> = match &sources.env_file {
        Some(path) => read_env_file(path)?,
        None => Vec::new(),
    };
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    variables.extend(std::env::vars());
    let file = settings_file(sources, &variables);
    let toml = match &file {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => String::new(),
    };
    let mut settings = Settings::load(&toml, variables.iter().cloned());
    take_over(&mut settings, &variables);
    if let Some(roles) = &sources.roles {
        settings.set("roles", roles, "--roles");
    }
    references::resolve(&mut settings).await?;
    let (mut config, entries) = read(settings)?;
    let beside = file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    config.gateway.routes.places = vec![beside.join(ROUTES), config.db.data_dir.join(ROUTES)];
    config.gateway.routes.settings = file;
    Ok((config, entries))
}

/// Reads the settings that were gathered.
pub fn read(mut settings: Settings) -> Result<(Config, Vec<Entry>), String> {
    let config = sum(&mut settings);
    check(&config, &mut settings);
    let entries = settings.finish()?;
    Ok((config, entries))
}

fn sum(s: &mut Settings) -> Config {
    let listen: SocketAddr =
        s.value("listen", "127.0.0.1:8080", "Address and port on which this process serves");
    let internal: Option<String> =
        s.text("internal_listen", "", "Address for internal calls, when this process also holds the gateway");
    let internal_listen = internal.and_then(|text| {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            s.mistake(format!("internal_listen: {text:?}: an address and a port, such as 10.0.0.5:9090"));
        }
        parsed
    });
    let mode = mode(s, listen);
    let public_url = s.text(
        "public_url",
        "",
        "The address under which people reach the system; links in mails start with it",
    );
    let admin_email =
        s.text("admin.email", "", "E-mail address of the first administrator, made at the first start");
    let admin_password = s.secret("admin.password", "Password of the first administrator");
    let mut config = Config {
        listen,
        internal_listen,
        public_url: public_url.clone().unwrap_or_else(|| format!("http://{listen}")).trim_end_matches('/').to_owned(),
        mode,
        roles: s.value("roles", "all", "What runs in this process: all, or a list of gateway, users, auth, password, otp, notify, audit"),
        services: peers::services(s),
        links: peers::links(s),
        shared_key: s.secret("services.shared_key", "Key that signs callers between processes (base64 of 32 bytes); by itself made from the root key of the keyring"),
        master_key: s.secret("master_key", "Master key (base64 of 32 bytes, or aws-kms: with an ARN or a wrapped key); made at the first start in development"),
        master_key_new: s.secret("master_key_new", "Master key that is to follow, in the same forms; read by denizen keys rotate alone"),
        log: s.text("log", "info", "Log level, or a list of target=level").unwrap_or_default(),
        telemetry: traces::Config::read(s),
        admin: admin_email.zip(admin_password),
        db: denizen_db::Config::read(s),
        cache: denizen_cache::Config::read(s),
        storage: denizen_storage::Config::read(s),
        aws: denizen_storage::AwsConfig::read(s),
        users: denizen_users::Config::read(s),
        auth: denizen_auth::Config::read(s),
        password: denizen_password::Config::read(s),
        otp: denizen_otp::Config::read(s),
        notify: denizen_notify::Config::read(s),
        audit: denizen_audit::Config::read(s),
        gateway: denizen_gateway::Config::read(s),
    };
    spread(&mut config);
    let needs_url = config.roles.any(&[Role::Gateway, Role::Otp, Role::Password, Role::Notify]);
    if config.mode == Mode::Production && public_url.is_none() && needs_url {
        s.mistake("public_url: in production it must be set; links in mails start with it");
    }
    config
}

fn mode(s: &mut Settings, listen: SocketAddr) -> Mode {
    let mode =
        s.text("mode", "", "development or production; by itself development on a loopback address only");
    match mode.as_deref() {
        Some("development") => Mode::Development,
        Some("production") => Mode::Production,
        Some(other) => {
            s.mistake(format!("mode: {other:?}: development or production"));
            Mode::Production
        }
        None if listen.ip().is_loopback() => Mode::Development,
        None => Mode::Production,
    }
}

/// Tells the crates what they need to know of each other's settings.
fn spread(config: &mut Config) {
    let development = config.mode == Mode::Development;
    config.storage.take_over(&config.aws);
    config.users.code_ttl = config.otp.ttl;
    config.users.token_ttl = config.auth.access_token_ttl;
    config.auth.issuer.clone_from(&config.public_url);
    config.notify.public_url.clone_from(&config.public_url);
    config.notify.mailbox = development;
    config.gateway.public_url.clone_from(&config.public_url);
    config.gateway.development = development;
    config.gateway.listen = config.listen;
}

/// Mistakes that only the whole shows.
fn check(config: &Config, s: &mut Settings) {
    peers::check(&config.services, config.links.as_ref(), s);
    if config.mode == Mode::Production && config.master_key.is_none() {
        s.mistake("master_key: in production it must be set; make one with: openssl rand -base64 32");
    }
    let new = config.master_key_new.clone().filter(|text| !text.starts_with(references::ARN));
    for (key, value) in [
        ("master_key", &config.master_key),
        ("master_key_new", &new),
        ("services.shared_key", &config.shared_key),
    ] {
        if value.as_deref().is_some_and(|text| crate::master_key::decode(text).is_err()) {
            s.mistake(format!(
                "{key}: it must be 32 bytes in base64; make one with: openssl rand -base64 32"
            ));
        }
    }
    if !config.public_url.starts_with("http://") && !config.public_url.starts_with("https://") {
        s.mistake("public_url: it starts with http:// or https://");
    }
}

fn settings_file(sources: &Sources, variables: &[(String, String)]) -> Option<PathBuf> {
    if let Some(file) = &sources.file {
        return Some(file.clone());
    }
    let data_dir =
        variables.iter().find(|(name, _)| name == "DENIZEN_DATA_DIR").map(|(_, value)| value.as_str());
    let places =
        [PathBuf::from("denizen.toml"), Path::new(data_dir.unwrap_or("denizen-data")).join("denizen.toml")];
    places.into_iter().find(|path| path.is_file())
}

/// Reads `NAME=value` lines; `#` starts a comment, quotes around a value are dropped.
fn read_env_file(path: &Path) -> Result<Vec<(String, String)>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.strip_prefix("export ").unwrap_or(line).split_once('='));
    Ok(pairs
        .map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned()))
        .collect())
}

/// Variables of other products, for services moving over.
fn take_over(settings: &mut Settings, variables: &[(String, String)]) {
    for (name, value) in variables {
        match name.as_str() {
            "DATABASE_URL" => settings.fallback("database_url", value, name),
            "SECRET_KEY" => settings.fallback("auth.secret_key", value, name),
            "ALGORITHM" => settings.fallback("auth.algorithm", value, name),
            name if references::VARIABLES.iter().any(|(known, _)| *known == name) => {
                for (_, key) in references::VARIABLES.iter().filter(|(known, _)| *known == name) {
                    settings.fallback(key, value, name);
                }
            }
            "CORS_ORIGINS" => settings.fallback("gateway.cors.origins", value, name),
            "ACCESS_TOKEN_EXPIRE_MINUTES" => {
                settings.fallback("auth.access_token_ttl", &format!("{value}m"), name);
            }
            _ => {}
        }
    }
}
