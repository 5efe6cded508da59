//! Settings of users.

use std::time::Duration;

use denizen_kit::config::Settings;
use rlibphonenumber::Region;

use crate::model::Status;

/// Settings of users.
#[derive(Clone, Debug)]
pub struct Config {
    /// Region of numbers without a country code.
    pub default_region: Region,
    /// Whether a mobile number must be in an assigned range.
    pub strict_mobile: bool,
    /// Status of a new account.
    pub registration_status: Status,
    /// How long a deleted account can be restored.
    pub deleted_retention: Duration,
    /// How long archives of data keys are kept by who backs them up.
    pub key_archive_retention: Duration,
    /// How long an archive of what is held about a person can be downloaded.
    pub export_retention: Duration,
    /// How long an access token is good for; the auth service's setting.
    pub token_ttl: Duration,
    /// How long a code that proves an address is good for; the otp service's setting.
    pub code_ttl: Duration,
}

// === impl Config ===

impl Config {
    /// Reads the settings.
    pub fn read(settings: &mut Settings) -> Self {
        Self {
            default_region: settings.parse(
                "users.default_region",
                "US",
                "Country (ISO 3166-1 alpha-2) of mobile numbers written without a country code",
                |text| text.parse().map_err(|_| "this is not a country code such as US or DE".to_owned()),
            ),
            strict_mobile: settings.value(
                "users.mobile.strict",
                "false",
                "Whether a mobile number must be in an assigned range, not only possible",
            ),
            registration_status: settings.parse(
                "users.registration.status",
                "active",
                "Status of a newly registered account: active, or pending until the e-mail address is proved",
                |text| match Status::parse(text) {
                    Some(status @ (Status::Active | Status::Pending)) => Ok(status),
                    _ => Err("active or pending".to_owned()),
                },
            ),
            deleted_retention: settings.duration(
                "users.deleted_retention",
                "30d",
                "How long a deleted account can be restored before it goes for good",
            ),
            key_archive_retention: settings.duration(
                "users.key_archive_retention",
                "90d",
                "How long your backups of data keys are kept; certificates of erasure say until when they may hold a key",
            ),
            export_retention: settings.duration(
                "users.export_retention",
                "7d",
                "How long an archive of what is held about a person can be downloaded before it goes",
            ),
            token_ttl: Duration::from_secs(1800),
            code_ttl: Duration::from_secs(300),
        }
    }
}
