//! [`Store`]: bytes under names, in a folder or a bucket.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use denizen_kit::time::{Timestamp, from_micros};
use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, RetryConfig};

use crate::config::{Config, Place, Secret};
use crate::error::{Error, Result};

/// Longest name of an object, in bytes: S3 takes 1024, prefix included.
const MAX_NAME: usize = 512;

/// How often a call that failed for a while is tried again.
const RETRIES: usize = 3;

/// The first wait before another try; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// Keeps objects under names. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Whether the store lists by name; a folder lists as it finds.
    lists_in_order: bool,
    limit: usize,
    timeout: Duration,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was put.
    pub at: Timestamp,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.objects)
    }
}

// === impl Store ===

impl Store {
    /// Opens the store of the settings. A folder is made if it is not there.
    pub fn open(config: &Config, data_dir: &FilePath) -> Result<Self> {
        let (objects, prefix, lists_in_order): (Arc<dyn ObjectStore>, _, _) = match &config.place {
            Place::DataFolder => (Arc::new(folder(&data_dir.join("objects"))?), "", false),
            Place::Folder(path) => (Arc::new(folder(path)?), "", false),
            Place::Bucket { bucket, prefix } => (Arc::new(bucket_of(config, bucket)?), prefix.as_str(), true),
        };
        let (limit, timeout) = (config.object_limit, config.timeout);
        Ok(Self { objects, prefix: Path::from(prefix), lists_in_order, limit, timeout })
    }

    /// Puts an object in the place of the one before, if any; answers when it is durable.
    pub async fn put(&self, name: &str, content: impl Into<Bytes>) -> Result<()> {
        let (path, content) = (self.path(name)?, content.into());
        self.check_size(content.len() as u64)?;
        self.within(self.objects.put(&path, content.into())).await?;
        Ok(())
    }

    /// The object; none when it is not there.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let path = self.path(name)?;
        let work = async {
            let found = match self.objects.get(&path).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                found => found?,
            };
            // Before the content is read: what somebody else has put there is not ours to hold in memory.
            self.check_size(found.meta.size)?;
            Ok(Some(found.bytes().await?))
        };
        tokio::time::timeout(self.timeout, work).await.map_err(|_| Error::Late)?
    }

    /// Removes an object; that it is not there is no error.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name)?;
        match self.within(self.objects.delete(&path)).await {
            Err(Error::Unusable(object_store::Error::NotFound { .. })) => Ok(()),
            deleted => deleted,
        }
    }

    /// The objects below a folder of names, in order of name, after a name; so many at most.
    pub async fn list(&self, folder: &str, after: Option<&str>, most: usize) -> Result<Vec<Listed>> {
        let below = self.path(folder)?;
        let listing = match after {
            Some(name) => self.objects.list_with_offset(Some(&below), &self.path(name)?),
            None => self.objects.list(Some(&below)),
        };
        let found: Vec<ObjectMeta> = if self.lists_in_order {
            use futures::StreamExt as _;
            self.within(listing.take(most).try_collect()).await?
        } else {
            self.within(listing.try_collect()).await?
        };
        let mut listed: Vec<Listed> = found.into_iter().filter_map(|meta| self.listed(&meta)).collect();
        listed.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        listed.truncate(most);
        Ok(listed)
    }

    /// Removes all objects below a folder of names.
    pub async fn delete_below(&self, folder: &str) -> Result<()> {
        /// How many are removed between two looks.
        const BATCH: usize = 500;
        loop {
            let listed = self.list(folder, None, BATCH).await?;
            if listed.is_empty() {
                return Ok(());
            }
            for object in listed {
                self.delete(&object.name).await?;
            }
        }
    }

    fn listed(&self, meta: &ObjectMeta) -> Option<Listed> {
        let parts: Vec<_> = meta.location.prefix_match(&self.prefix)?.collect();
        let name = parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
        let at = from_micros(meta.last_modified.timestamp_micros());
        Some(Listed { name, size: meta.size, at })
    }

    fn path(&self, name: &str) -> Result<Path> {
        if name.len() > MAX_NAME || !is_name(name) {
            return Err(Error::BadName(name.to_owned()));
        }
        Ok(self.prefix.parts().chain(Path::from(name).parts()).collect())
    }

    fn check_size(&self, size: u64) -> Result<()> {
        if size > self.limit as u64 { Err(Error::TooLarge { limit: self.limit }) } else { Ok(()) }
    }

    /// The outcome of a call, or that it came too late.
    async fn within<T>(&self, call: impl Future<Output = object_store::Result<T>>) -> Result<T> {
        Ok(tokio::time::timeout(self.timeout, call).await.map_err(|_| Error::Late)??)
    }
}

/// Whether it can name an object: letters, digits and `. _ -` between single slashes, no part of dots alone.
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.split('/')
        .all(|part| !part.is_empty() && part.bytes().all(is_plain) && part.bytes().any(|byte| byte != b'.'))
}

fn folder(path: &FilePath) -> Result<LocalFileSystem> {
    let unusable = |error: &dyn std::fmt::Display| {
        Error::Setting(format!("the folder of objects {} cannot be used: {error}", path.display()))
    };
    std::fs::create_dir_all(path).map_err(|error| unusable(&error))?;
    let store = LocalFileSystem::new_with_prefix(path).map_err(|error| unusable(&error))?;
    Ok(store.with_fsync(true))
}

fn bucket_of(config: &Config, bucket: &str) -> Result<object_store::aws::AmazonS3> {
    let s3 = &config.s3;
    let region = s3.region.as_deref().ok_or_else(|| {
        Error::Setting(
            "storage.s3.region must be set: the region of the bucket, such as eu-central-1".to_owned(),
        )
    })?;
    let plain = s3.endpoint.as_deref().is_some_and(|url| url.starts_with("http://"));
    let client = ClientOptions::new()
        .with_allow_http(plain)
        .with_connect_timeout(CONNECT.min(config.timeout))
        .with_timeout(config.timeout);
    let backoff = BackoffConfig { init_backoff: FIRST_WAIT, ..BackoffConfig::default() };
    let retry = RetryConfig { backoff, max_retries: RETRIES, retry_timeout: config.timeout };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_client_options(client)
        .with_retry(retry)
        // One DELETE each: the bulk form is not spoken by all that speak S3.
        .with_disable_bulk_delete(true);
    builder = match &s3.endpoint {
        Some(url) => builder.with_endpoint(url.trim_end_matches('/')),
        None => builder.with_virtual_hosted_style_request(true),
    };
    if let (Some(id), Some(secret)) = (&s3.access_key, s3.secret_key.as_ref().map(Secret::expose)) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    } else if let Some(aws) = &s3.identity {
        builder = aws.identity(builder);
    }
    builder.build().map_err(|error| Error::Setting(format!("storage.url: {error}")))
}
