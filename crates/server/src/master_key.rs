//! The master key: from the settings, or in development from a file made at the first start. It opens the keyring.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_kit::seal::{Key, Master};

use crate::config::{Config, Mode};

/// File of the data folder in which a master key is kept that nobody has set.
pub(crate) const FILE: &str = "master.key";

/// Reads a key of 32 bytes in base64.
pub(crate) fn decode(text: &str) -> anyhow::Result<Key> {
    Ok(Key::from_slice(&STANDARD.decode(text.trim())?)?)
}

/// The master key of the process.
pub(crate) fn load(config: &Config) -> anyhow::Result<Master> {
    if let Some(text) = &config.master_key {
        return Ok(Master::new(decode(text)?));
    }
    if config.mode == Mode::Production {
        bail!("master_key must be set in production");
    }
    let path = config.db.data_dir.join(FILE);
    let key = read_or_make(&path).with_context(|| format!("the master key in {}", path.display()))?;
    Ok(Master::new(key))
}

/// The key in the file, which is made readable for its owner only. Two processes that start at once agree on one:
/// the file appears whole, under its name, once.
pub(crate) fn read_or_make(path: &Path) -> anyhow::Result<Key> {
    if !path.exists() {
        keep(path, &STANDARD.encode(Key::generate().expose()))?;
    }
    decode(&std::fs::read_to_string(path)?)
}

/// Writes a text under a name, readable for its owner only, unless the name is taken.
pub(crate) fn keep(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mine = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&mine)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // A link fails when the name is taken: then the other process was first, and its key counts.
    let _ = std::fs::hard_link(&mine, path);
    std::fs::remove_file(&mine)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Puts a file in the place of another, for good when this returns.
pub(crate) fn replace(next: &Path, present: &Path) -> std::io::Result<()> {
    std::fs::rename(next, present)?;
    std::fs::File::open(present.parent().unwrap_or(Path::new(".")))?.sync_all()
}
