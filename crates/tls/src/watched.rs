//! A value that is read from files, and read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use denizen_kit::seal::sha256;
use denizen_kit::task::Tasks;
use tokio::sync::watch;

use crate::BadTls;

/// How often files are looked at. Content counts, not times: a mounted secret is swapped by a link.
const LOOK: Duration = Duration::from_secs(2);

/// A value that follows its files.
pub struct Watched<T>(Arc<Inner<T>>);

struct Inner<T> {
    files: Vec<PathBuf>,
    read: Box<dyn Fn() -> Result<T, BadTls> + Send + Sync>,
    value: ArcSwap<T>,
    changes: watch::Sender<[u8; 32]>,
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("files", &self.0.files).finish_non_exhaustive()
    }
}

// === impl Watched ===

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads the value for the first time.
    pub fn open(
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<T, BadTls> + Send + Sync + 'static,
    ) -> Result<Self, BadTls> {
        let digest = digest(&files);
        let value = ArcSwap::from_pointee(read()?);
        let (changes, _) = watch::channel(digest);
        Ok(Self(Arc::new(Inner { files, read: Box::new(read), value, changes })))
    }

    /// The value in force.
    pub fn get(&self) -> Arc<T> {
        self.0.value.load_full()
    }

    /// Tells of each new value.
    pub fn changes(&self) -> watch::Receiver<[u8; 32]> {
        self.0.changes.subscribe()
    }

    /// Looks at the files until the node stops.
    pub fn follow(&self, tasks: &Tasks) {
        let watched = self.clone();
        tasks.spawn_until_stopped("tls files", async move {
            let mut seen = *watched.0.changes.borrow();
            loop {
                tokio::time::sleep(LOOK).await;
                seen = watched.look(seen).await;
            }
        });
    }

    /// Looks at the files once; `seen` is the digest of what was read last, be it good or bad.
    async fn look(&self, seen: [u8; 32]) -> [u8; 32] {
        let inner = self.0.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let digest = digest(&inner.files);
            (digest, (digest != seen).then(|| (inner.read)()))
        });
        let Ok((digest, outcome)) = looked.await else { return seen };
        match outcome {
            None => {}
            Some(Ok(value)) => {
                self.0.value.store(Arc::new(value));
                self.0.changes.send_replace(digest);
                tracing::info!(files = ?self.0.files, "certificates were read anew");
            }
            Some(Err(error)) => {
                tracing::error!(%error, "new certificates cannot be used; the old ones stay in force");
            }
        }
        digest
    }
}

/// What the files hold, in short. A file that is not there counts as empty: it may be between two versions.
pub fn digest(files: &[PathBuf]) -> [u8; 32] {
    let one = |file: &PathBuf| sha256(&std::fs::read(Path::new(file)).unwrap_or_default());
    let digests: Vec<u8> = files.iter().flat_map(one).collect();
    sha256(&digests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_file;

    #[tokio::test]
    async fn a_good_file_replaces_and_a_bad_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("number");
        std::fs::write(&file, "1").unwrap();
        let path = file.clone();
        let read = move || {
            let text = String::from_utf8_lossy(&read_file(&path)?).into_owned();
            text.parse::<u32>().map_err(|_| BadTls::Key(text))
        };
        let watched = Watched::open(vec![file.clone()], read).unwrap();
        let mut seen = *watched.0.changes.borrow();
        let changes = watched.changes();
        seen = watched.look(seen).await;
        assert!((*watched.get(), changes.has_changed().unwrap()) == (1, false));
        std::fs::write(&file, "x").unwrap();
        seen = watched.look(seen).await;
        assert_eq!(*watched.get(), 1);
        std::fs::remove_file(&file).unwrap();
        seen = watched.look(seen).await;
        assert_eq!(*watched.get(), 1);
        std::fs::write(&file, "2").unwrap();
        watched.look(seen).await;
        assert!((*watched.get(), changes.has_changed().unwrap()) == (2, true));
    }
}
