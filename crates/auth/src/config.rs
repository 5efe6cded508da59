//! The settings of the service.

use std::time::Duration;

use denizen_kit::config::Settings;

/// How access tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
}

impl Algorithm {
    /// The name in settings and in the header of a token (RFC 7518 §3.1, RFC 8037 §3.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
        }
    }

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "EdDSA" => Ok(Self::EdDsa),
            _ => Err("access tokens can be signed with EdDSA only".to_owned()),
        }
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
    /// How many sessions a person may have at once; 0 for any number.
    pub max_sessions: u32,
    /// What happens to a login beyond that.
    pub session_limit_policy: LimitPolicy,
    /// Whether one may log in by a code alone.
    pub otp_login: bool,
    /// The `iss` of access tokens: the public address. Set by the server from `public_url`.
    pub issuer: String,
}

impl Config {
    /// Reads the settings; `issuer` stays empty until the server sets it.
    pub fn read(settings: &mut Settings) -> Self {
        let config = Self {
            access_token_ttl: settings.duration(
                "auth.access_token_ttl",
                "30m",
                "How long an access token is good for.",
            ),
            refresh_token_ttl: settings.duration(
                "auth.refresh_token_ttl",
                "30d",
                "How long a refresh token is good for; a session that is not refreshed for so long has ended.",
            ),
            refresh_grace: settings.duration(
                "auth.refresh_grace",
                "10s",
                "How long a used refresh token is answered with its successor, for parallel tabs and lost answers.",
            ),
            session_max_age: settings.duration(
                "auth.session_max_age",
                "90d",
                "When a session ends, however often it is refreshed.",
            ),
            algorithm: settings.parse(
                "auth.algorithm",
                "EdDSA",
                "How access tokens are signed: EdDSA.",
                Algorithm::read,
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
        if self.access_token_ttl > self.refresh_token_ttl {
            settings.mistake("auth.access_token_ttl: it must not be longer than auth.refresh_token_ttl");
        }
    }
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
        assert!(mistakes("[auth]\nalgorithm = \"none\"").contains("EdDSA only"));
        assert!(mistakes("[auth]\nsession_limit_policy = \"x\"").contains("end_oldest or refuse"));
        assert!(mistakes("[auth]\naccess_token_ttl = \"0s\"").contains("at least 1s"));
        assert!(mistakes("[auth]\naccess_token_ttl = \"40d\"").contains("not be longer"));
    }
}
