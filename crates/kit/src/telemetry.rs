//! Logs: structured, to standard error, without personal data.

use std::io::IsTerminal as _;
use std::sync::Once;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line, for machines.
    Json,
    /// Text, for people.
    Text,
}

static ONCE: Once = Once::new();

/// Starts logging; a second call changes nothing. `filter` is a level or a list of `target=level`.
pub fn init(filter: &str, form: Form) {
    ONCE.call_once(|| {
        // Each applied migration step is told by the library; a first start would begin with fifty lines of it.
        let filter = format!("refinery_core=warn,{filter}");
        let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
        let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match form {
            Form::Json => {
                base.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
            }
            Form::Text => base.with_target(false).with_ansi(std::io::stderr().is_terminal()).compact().init(),
        }
    });
}
