//! Settings of the other processes: where they are, and the certificates between them.

use std::collections::BTreeMap;

use denizen_kit::caller::Role;
use denizen_kit::config::Settings;
use denizen_tls::LinkFiles;
use denizen_upstream::Targets;

/// Where the roles run that do not run here.
pub(crate) fn services(s: &mut Settings) -> BTreeMap<Role, Targets> {
    const KEYS: [(Role, &str); 6] = [
        (Role::Users, "services.users.url"),
        (Role::Auth, "services.auth.url"),
        (Role::Password, "services.password.url"),
        (Role::Otp, "services.otp.url"),
        (Role::Notify, "services.notify.url"),
        (Role::Audit, "services.audit.url"),
    ];
    let mut targets = BTreeMap::new();
    for (role, key) in KEYS {
        let meaning = "Where this role runs when not here: http(s)://host:port or dns+http(s)://name:port, several by comma";
        let Some(text) = s.text(key, "", meaning) else { continue };
        match text.parse::<Targets>() {
            Ok(parsed) => drop(targets.insert(role, parsed)),
            Err(reason) => s.mistake(format!("{key}: {text:?}: {reason}")),
        }
    }
    targets
}

/// The files of TLS between processes: all three, or none.
pub(crate) fn links(s: &mut Settings) -> Option<LinkFiles> {
    let ca = s.text(
        "services.tls.ca",
        "",
        "File with the authority of the certificates that processes show each other",
    );
    let cert = s.text(
        "services.tls.cert",
        "",
        "File with this process's certificate, for calling and for being called",
    );
    let key = s.text("services.tls.key", "", "File with the key of that certificate");
    match (ca, cert, key) {
        (Some(ca), Some(cert), Some(key)) => {
            Some(LinkFiles { ca: ca.into(), cert: cert.into(), key: key.into() })
        }
        (None, None, None) => None,
        _ => {
            s.mistake("services.tls: set ca, cert and key, or none of them");
            None
        }
    }
}

/// Links are all over TLS, or none is.
pub(crate) fn check(services: &BTreeMap<Role, Targets>, links: Option<&LinkFiles>, s: &mut Settings) {
    for (role, targets) in services {
        let speaks_tls = links.is_some();
        if targets.all_tls() != Some(speaks_tls) {
            let (scheme, because) = if speaks_tls { ("https", "set") } else { ("http", "not set") };
            s.mistake(format!("services.{role}.url: write {scheme}://, since services.tls is {because}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(toml: &str) -> String {
        let mut settings = Settings::load(toml, []);
        let (services, links) = (services(&mut settings), links(&mut settings));
        check(&services, links.as_ref(), &mut settings);
        settings.finish().err().unwrap_or_default()
    }

    #[test]
    fn links_speak_tls_all_or_none() {
        let tls = "[services.tls]\nca = \"ca\"\ncert = \"cert\"\nkey = \"key\"\n[services.users]\nurl = ";
        let plain = "[services.users]\nurl = ";
        assert_eq!(mistakes(&format!("{tls}\"https://a:1, dns+https://b:1\"")), "");
        assert_eq!(mistakes(&format!("{plain}\"http://a:1\"")), "");
        assert!(mistakes(&format!("{tls}\"http://a:1\"")).contains("services.users.url: write https://"));
        assert!(mistakes(&format!("{tls}\"https://a:1, http://b:1\"")).contains("write https://"));
        assert!(mistakes(&format!("{plain}\"https://a:1\"")).contains("since services.tls is not set"));
        assert!(mistakes("[services.tls]\nca = \"ca\"").contains("set ca, cert and key"));
    }
}
