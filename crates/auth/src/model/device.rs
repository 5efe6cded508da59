//! What tells one device of a person from another: the family of its program and system, and the region of its network.

use std::net::IpAddr;

use denizen_kit::id::UserId;
use denizen_kit::seal::Key;

/// Browsers by the word that tells them, the more special first: most name others beside themselves.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Systems by the word that tells them, the more special first.
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// The keyed digest of a person's device. A new version of the program or another address near by is no new device.
pub(crate) fn device(key: &Key, user_id: UserId, user_agent: &str, ip: Option<IpAddr>) -> [u8; 32] {
    let (browser, system) = family(user_agent);
    let region = ip.map(region).unwrap_or_default();
    key.mac(&[user_id.uuid().as_bytes(), browser.as_bytes(), system.as_bytes(), &region])
}

/// Program and system; of a program that is not known its first word without the version.
fn family(user_agent: &str) -> (&str, &str) {
    let named = |list: &[(&str, &'static str)]| {
        list.iter().find(|(word, _)| user_agent.contains(word)).map(|(_, name)| *name)
    };
    let first = user_agent.split(['/', ' ']).next().unwrap_or_default();
    (named(&BROWSERS).unwrap_or(first), named(&SYSTEMS).unwrap_or_default())
}

/// The first 24 bits of IPv4, the first 48 of IPv6: where providers give one customer now this and now that address.
fn region(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets()[..3].to_vec(),
        IpAddr::V6(ip) => ip.octets()[..6].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::id::Id;

    use super::*;

    const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";

    #[test]
    fn families_are_told_apart_and_versions_are_not() {
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1";
        assert_eq!(family(CHROME), ("Chrome", "Linux"));
        assert_eq!(family(&CHROME.replace("120", "131")), family(CHROME));
        assert_eq!(family(windows), ("Edge", "Windows"));
        assert_eq!(family(phone), ("Safari", "iOS"));
        assert_eq!(family("okhttp/4.12.0"), ("okhttp", ""));
        assert_eq!(family(""), ("", ""));
    }

    #[test]
    fn a_device_is_a_family_in_a_region_of_one_person() {
        let key = Key::from_bytes([1; 32]);
        let of = |agent: &str, ip: &str| device(&key, Id::nil(), agent, Some(ip.parse().unwrap()));
        let one = of(CHROME, "192.0.2.7");
        assert_eq!(one, of(CHROME, "192.0.2.200"));
        assert_ne!(one, of(CHROME, "192.0.3.7"));
        assert_ne!(one, of("curl/8.0", "192.0.2.7"));
        assert_eq!(of(CHROME, "2001:db8:1:2::1"), of(CHROME, "2001:db8:1:ffff::1"));
        let other: UserId = "0192aa00-0000-7000-8000-000000000001".parse().unwrap();
        assert_ne!(one, device(&key, other, CHROME, Some("192.0.2.7".parse().unwrap())));
        assert_ne!(one, device(&key, Id::nil(), CHROME, None));
    }
}
