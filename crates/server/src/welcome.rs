//! The few lines that a person sees when the system has started.

use crate::config::{Config, Mode};
use denizen_kit::caller::Role;

/// Tells where to go first.
#[expect(clippy::print_stderr, reason = "a welcome for the person at the terminal, not a log line")]
pub(crate) fn print(config: &Config, address: std::net::SocketAddr) {
    if config.mode != Mode::Development || !config.roles.has(Role::Gateway) {
        eprintln!("denizen {} serves {} on {address}", env!("CARGO_PKG_VERSION"), config.roles);
        return;
    }
    let url = &config.public_url;
    let database = config
        .db
        .url
        .as_ref()
        .map_or_else(|| format!("SQLite in {}", config.db.data_dir.display()), |_| "PostgreSQL".to_owned());
    eprintln!(
        "
  Denizen {version} is ready (development mode, {database})

    Start here     {url}/
    API and docs   {url}/docs
    Mailbox        {url}/dev/mailbox   (mails and codes land here)

  First account:

    curl -s {url}/api/v1/users -H 'content-type: application/json' \\
      -d '{{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"password\":\"correct horse battery\"}}'

  First administrator:   denizen admin create --email you@example.com
",
        version = env!("CARGO_PKG_VERSION"),
    );
}
