//! Where the objects are.

use std::path::PathBuf;
use std::time::Duration;

use denizen_kit::config::Settings;

use crate::aws::AwsConfig;

/// Where the objects are, and their bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the objects are.
    pub place: Place,
    /// The way to S3.
    pub s3: S3,
    /// Most bytes of one object.
    pub object_limit: usize,
    /// How long one call may take, retries included.
    pub timeout: Duration,
}

/// Where the objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the folder `objects` of the data folder.
    DataFolder,
    /// In this folder.
    Folder(PathBuf),
    /// In a bucket, under a prefix that may be empty.
    Bucket {
        /// Name of the bucket.
        bucket: String,
        /// What stands before all names.
        prefix: String,
    },
}

/// The way to S3, or to what speaks its protocol.
#[derive(Clone, Debug, Default)]
pub struct S3 {
    /// Address of the service; none means the vendor's.
    pub endpoint: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Id of the access key; none means the role of the machine.
    pub access_key: Option<String>,
    /// The access key's secret.
    pub secret_key: Option<Secret>,
    /// Who one is without an access key.
    pub identity: Option<AwsConfig>,
}

/// A secret that does not show itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(set)")
    }
}

// === impl Secret ===

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

// === impl Config ===

impl Config {
    /// Reads `storage.*`.
    pub fn read(settings: &mut Settings) -> Self {
        let place = settings.text(
            "storage.url",
            "",
            "Where pictures and archives are: file:///folder or s3://bucket/prefix; by itself the folder objects in the data folder",
        );
        let place = match place.as_deref().map(Place::read) {
            None => Place::DataFolder,
            Some(Ok(place)) => place,
            Some(Err(reason)) => {
                settings.mistake(format!("storage.url: {reason}"));
                Place::DataFolder
            }
        };
        let endpoint = settings.text(
            "storage.s3.endpoint",
            "",
            "Address of a service that speaks S3, such as http://minio:9000; by itself the vendor's",
        );
        if endpoint.as_deref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://"))
        {
            settings.mistake("storage.s3.endpoint: it starts with http:// or https://");
        }
        let region = settings.text("storage.s3.region", "", "Region of the bucket; by itself aws.region");
        let access_key = settings.text(
            "storage.s3.access_key",
            "",
            "Id of the access key; by itself aws.access_key, or else the role of the machine",
        );
        let secret_key =
            settings.secret("storage.s3.secret_key", "Secret of the access key").map(Secret::new);
        if access_key.is_some() != secret_key.is_some() {
            settings.mistake("storage.s3: access_key and secret_key go together");
        }
        let limit = settings.size("storage.object_limit", "256MiB", "Most bytes of one picture or archive");
        Self {
            place,
            s3: S3 { endpoint, region, access_key, secret_key, identity: None },
            object_limit: usize::try_from(limit).unwrap_or(usize::MAX),
            timeout: settings.duration(
                "storage.timeout",
                "30s",
                "How long the object store may take to answer, retries included",
            ),
        }
    }

    /// Takes what was not said for S3 from what was said for AWS.
    pub fn take_over(&mut self, aws: &AwsConfig) {
        let s3 = &mut self.s3;
        s3.region = s3.region.take().or_else(|| aws.region.clone());
        s3.identity = s3.access_key.is_none().then(|| aws.clone());
    }
}

// === impl Place ===

impl Place {
    fn read(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("file://") {
            return if path.starts_with('/') && path.len() > 1 {
                Ok(Place::Folder(PathBuf::from(path)))
            } else {
                Err("a folder is written as file:///var/lib/denizen/objects".to_owned())
            };
        }
        let Some(rest) = text.strip_prefix("s3://") else {
            return Err("file:///folder or s3://bucket/prefix".to_owned());
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        // Names of buckets as the vendor allows them (Amazon S3 User Guide, "General purpose bucket naming rules").
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_plain) {
            return Err("a bucket has 3 to 63 small letters, digits, hyphens and dots".to_owned());
        }
        if !prefix.is_empty() && !crate::store::is_name(prefix) {
            return Err("a prefix has letters, digits and . _ - between single slashes".to_owned());
        }
        Ok(Place::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let bucket = |bucket: &str, prefix: &str| {
            Ok(Place::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
        };
        assert_eq!(Place::read("file:///srv/objects"), Ok(Place::Folder("/srv/objects".into())));
        assert_eq!(Place::read("s3://my-bucket"), bucket("my-bucket", ""));
        assert_eq!(Place::read("s3://my-bucket/a/b/"), bucket("my-bucket", "a/b"));
        for bad in
            ["", "objects", "file://objects", "file:///", "s3://", "s3://AB", "s3://abc/../x", "gs://abc"]
        {
            assert!(Place::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn half_a_key_pair_is_a_mistake_and_the_secret_never_shows() {
        let mut settings = Settings::load("[storage.s3]\naccess_key = \"AKIA\"", []);
        Config::read(&mut settings);
        assert!(settings.finish().unwrap_err().contains("go together"));

        let toml = "[storage.s3]\naccess_key = \"AKIA\"\nsecret_key = \"hush-hush\"";
        let mut settings = Settings::load(toml, []);
        let config = Config::read(&mut settings);
        assert!(!format!("{config:?}").contains("hush"));
        assert!(settings.finish().unwrap().iter().all(|entry| !entry.value.contains("hush")));
    }
}
