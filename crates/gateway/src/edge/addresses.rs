//! Which addresses a route is for: `ip_allow` and `ip_deny`.

use std::net::IpAddr;

use denizen_kit::problem::{Code, Problem};

use super::client::Network;
use super::networks::Networks;

/// The lists of a route, ready to be asked. They are part of the rules and change with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    allow: Networks<()>,
    deny: Networks<()>,
}

// === impl Addresses ===

impl Addresses {
    /// Checks what a route says: addresses or networks. The error says which key to correct, and how.
    pub(crate) fn compile(allow: &[String], deny: &[String]) -> Result<Self, String> {
        Ok(Self { allow: read("ip_allow", allow)?, deny: read("ip_deny", deny)? })
    }

    /// Refuses an address that is on the list of those denied, or not on that of those allowed if there is one. An
    /// address that is not known is on no list.
    ///
    /// The address is the client's, behind trusted proxies (`client::client_ip`).
    pub(crate) fn check(&self, ip: Option<IpAddr>) -> Result<(), Problem> {
        let is_in = |list: &Networks<()>| ip.is_some_and(|ip| list.of(ip).next().is_some());
        if is_in(&self.deny) || (!self.allow.is_empty() && !is_in(&self.allow)) {
            let detail = "this is not answered to your address; ask the operator of this system";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        Ok(())
    }
}

fn read(key: &str, list: &[String]) -> Result<Networks<()>, String> {
    let mut networks = Networks::default();
    for text in list {
        let network = Network::parse(text.trim()).map_err(|error| format!("{key}: {error}"))?;
        networks.insert(&network, ());
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(allow: &[&str], deny: &[&str]) -> Result<Addresses, String> {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Addresses::compile(&owned(allow), &owned(deny))
    }

    fn passes(lists: &Addresses, ip: &str) -> bool {
        lists.check(ip.parse().ok()).is_ok()
    }

    #[test]
    fn who_is_denied_is_refused_even_if_allowed() {
        let lists = lists(&["10.0.0.0/8", "2001:db8::/32"], &["10.1.0.0/16", "10.2.3.4"]).unwrap();
        for ip in ["10.0.0.1", "::ffff:10.0.0.1", "10.2.3.5", "2001:db8:ffff::1"] {
            assert!(passes(&lists, ip), "{ip}");
        }
        for ip in ["10.1.2.3", "::ffff:10.1.2.3", "10.2.3.4", "11.0.0.1", "2001:db9::1", "::1", "unknown"] {
            assert!(!passes(&lists, ip), "{ip}");
        }
    }

    #[test]
    fn without_a_list_of_allowed_all_others_pass() {
        let denies = lists(&[], &["::ffff:192.0.2.0/120"]).unwrap();
        assert!(!passes(&denies, "192.0.2.9"), "a mapped network is the network of IPv4");
        assert!(passes(&denies, "192.0.3.9") && passes(&denies, "unknown"));
        let none = lists(&[], &[]).unwrap();
        assert!(passes(&none, "192.0.2.9") && passes(&none, "unknown"));
        assert!(!passes(&lists(&[], &["0.0.0.0/0"]).unwrap(), "192.0.2.9"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(lists(&["10.0.0.0/33"], &[]).unwrap_err().contains("ip_allow"));
        assert!(lists(&[], &["localhost"]).unwrap_err().contains("ip_deny"));
    }
}
