//! The settings of the service.

use std::time::Duration;

use denizen_kit::config::Settings;

/// Least length of the key of HS256, in bytes: that of its digest (RFC 7518 §3.2).
const MIN_SECRET: usize = 32;

/// How access tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// RSA PKCS #1 v1.5 with SHA-256, 2,048 bits (RFC 7518 §3.3).
    Rs256,
    /// HMAC with SHA-256 under a key that signer and verifier share (RFC 7518 §3.2).
    Hs256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::EdDsa, Self::Es256, Self::Rs256, Self::Hs256];

    /// The name in settings and in the header of a token (RFC 7518 §3.1, RFC 8037 §3.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Hs256 => "HS256",
        }
    }

    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text);
        known.ok_or_else(|| "it is EdDSA, ES256, RS256 or HS256".to_owned())
    }
}

/// What happens to a login beyond the number of sessions a person may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPolicy {
    /// The oldest session ends.
    EndOldest,
    /// The login is refused.
    Refuse,
}

impl LimitPolicy {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "end_oldest" => Ok(Self::EndOldest),
            "refuse" => Ok(Self::Refuse),
            _ => Err("it is end_oldest or refuse".to_owned()),
        }
    }
}

/// The settings of the service.
#[derive(Clone, Debug)]
pub struct Config {
    /// How long an access token is good for.
    pub access_token_ttl: Duration,
    /// How long a refresh token is good for.
    pub refresh_token_ttl: Duration,
    /// How long the refresh token before the present one is answered with the present one.
    pub refresh_grace: Duration,
    /// When a session ends, however often it is refreshed.
    pub session_max_age: Duration,
    /// How access tokens are signed.
    pub algorithm: Algorithm,
    /// The key of HS256; by itself one is made.
    pub secret_key: Option<String>,
    /// How old a signing key gets before another takes its place; zero for any age.
    pub signing_key_max_age: Duration,
    /// How many sessions a person may have at once; 0 for any number.
    pub max_sessions: u32,
    /// What happens to a login beyond that.
    pub session_limit_policy: LimitPolicy,
    /// Whether a session counts only in the network in which it was begun.
    pub bind_ip: bool,
    /// Whether people are told of a login by a device that was not used before.
    pub login_alerts: bool,
    /// Whether one may log in by a code alone.
    pub otp_login: bool,
    /// The `iss` of access tokens: the public address. Set by the server from `public_url`.
    pub issuer: String,
}

impl Config {
    /// Reads the settings; `issuer` stays empty until the server sets it.
    pub fn read(settings: &mut Settings) -> Self {
        let [access_token_ttl, refresh_token_ttl, refresh_grace, session_max_age] = lifetimes(settings);
        let config = Self {
            access_token_ttl,
            refresh_token_ttl,
            refresh_grace,
            session_max_age,
            algorithm: settings.parse(
                "auth.algorithm",
                "EdDSA",
                "How access tokens are signed: EdDSA, ES256, RS256, or HS256, whose key is not published.",
                Algorithm::read,
            ),
            secret_key: settings.secret(
                "auth.secret_key",
                "Key of HS256, at least 32 bytes, for others who verify with it; by itself one is made.",
            ),
            signing_key_max_age: settings.duration(
                "auth.signing_key_max_age",
                "90d",
                "How old a signing key gets before another takes its place, without a token failing; 0s for any age.",
            ),
            max_sessions: settings.value(
                "auth.max_sessions",
                "10",
                "How many sessions a person may have at once; 0 for any number.",
            ),
            session_limit_policy: settings.parse(
                "auth.session_limit_policy",
                "end_oldest",
                "What a login beyond auth.max_sessions does: end_oldest or refuse.",
                LimitPolicy::read,
            ),
            bind_ip: settings.value(
                "auth.bind_ip",
                "false",
                "Whether a session counts only from the IPv4 address, or the /64 of IPv6, in which it was begun.",
            ),
            login_alerts: settings.value(
                "auth.login_alerts",
                "true",
                "Whether people are told of a login by a device that was not used before.",
            ),
            otp_login: settings.value(
                "auth.otp_login",
                "true",
                "Whether one may log in by a code that was sent, without a password.",
            ),
            issuer: String::new(),
        };
        config.check(settings);
        config
    }

    /// Notes what only the settings together show.
    fn check(&self, settings: &mut Settings) {
        let lifetimes = [
            ("auth.access_token_ttl", self.access_token_ttl),
            ("auth.refresh_token_ttl", self.refresh_token_ttl),
            ("auth.session_max_age", self.session_max_age),
        ];
        for (key, lifetime) in lifetimes {
            if lifetime < Duration::from_secs(1) {
                settings.mistake(format!("{key}: it must be at least 1s"));
            }
        }
        let is_short = self.secret_key.as_ref().is_some_and(|key| key.len() < MIN_SECRET);
        if self.algorithm == Algorithm::Hs256 && is_short {
            settings.mistake(
                "auth.secret_key: HS256 needs at least 32 bytes; make one with: openssl rand -base64 32",
            );
        }
        if self.access_token_ttl > self.refresh_token_ttl {
            settings.mistake("auth.access_token_ttl: it must not be longer than auth.refresh_token_ttl");
        }
    }
}

/// How long an access token is good for, a refresh token, one that was used, and a session.
fn lifetimes(settings: &mut Settings) -> [Duration; 4] {
    [
        settings.duration("auth.access_token_ttl", "30m", "How long an access token is good for."),
        settings.duration(
            "auth.refresh_token_ttl",
            "30d",
            "How long a refresh token is good for; a session that is not refreshed for so long has ended.",
        ),
        settings.duration(
            "auth.refresh_grace",
            "10s",
            "How long a used refresh token is answered with its successor, for parallel tabs and lost answers.",
        ),
        settings.duration(
            "auth.session_max_age",
            "90d",
            "When a session ends, however often it is refreshed.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(toml: &str) -> String {
        let mut settings = Settings::load(toml, []);
        Config::read(&mut settings);
        settings.finish().map_or_else(|text| text, |_| String::new())
    }

    #[test]
    fn the_defaults_are_as_documented() {
        let mut settings = Settings::load("", []);
        let config = Config::read(&mut settings);
        assert_eq!(config.access_token_ttl, Duration::from_secs(1800));
        assert_eq!(config.refresh_token_ttl, Duration::from_secs(30 * 86_400));
        assert_eq!(config.session_max_age, Duration::from_secs(90 * 86_400));
        assert_eq!((config.max_sessions, config.session_limit_policy), (10, LimitPolicy::EndOldest));
        settings.finish().unwrap();
    }

    #[test]
    fn mistakes_say_what_is_possible() {
        assert!(mistakes("[auth]\nalgorithm = \"none\"").contains("EdDSA, ES256, RS256 or HS256"));
        let hs256 = |key: &str| mistakes(&format!("[auth]\nalgorithm = \"HS256\"\nsecret_key = \"{key}\""));
        assert!(hs256("short").contains("at least 32 bytes") && hs256(&"k".repeat(32)).is_empty());
        assert_eq!(mistakes("[auth]\nsecret_key = \"short\""), "", "of no use for other algorithms");
        assert!(mistakes("[auth]\nsession_limit_policy = \"x\"").contains("end_oldest or refuse"));
        assert!(mistakes("[auth]\naccess_token_ttl = \"0s\"").contains("at least 1s"));
        assert!(mistakes("[auth]\naccess_token_ttl = \"40d\"").contains("not be longer"));
    }
}
