//! `denizen keys rotate`. Each step can be cut short by a crash: the present key opens the keyring until the file of the
//! next one is in its place, and running the command again goes on from there.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use denizen_kit::seal::Master;
use denizen_storage::Aws;

use super::{Desk, Held, record, say_next};
use crate::cli::say;
use crate::{master_key, references};

/// A key in a file of the data folder, and the file in which the next one waits.
struct Files {
    present: PathBuf,
    next: PathBuf,
    /// The key of KMS that is to wrap it.
    arn: Option<String>,
}

// === impl Files ===

impl Files {
    fn of(folder: &Path, name: &str, arn: Option<String>) -> Self {
        Self { present: folder.join(name), next: folder.join(format!("{name}.new")), arn }
    }
}

// === impl Desk ===

impl Desk {
    pub(super) async fn rotate(&self) -> anyhow::Result<()> {
        let folder = &self.config.db.data_dir;
        let given = self.config.master_key_new.as_deref();
        let arn = given.filter(|text| text.starts_with(references::ARN)).map(str::to_owned);
        match (&self.held, given) {
            (Held::File, None) => self.rotate_file(&Files::of(folder, master_key::FILE, None)).await,
            (Held::Kms(present), _) if given.is_none() || arn.is_some() => {
                let arn = Some(arn.unwrap_or_else(|| present.clone()));
                self.rotate_file(&Files::of(folder, references::FILE, arn)).await
            }
            (_, None) => bail!(
                "master_key_new is not set: make a key with `openssl rand -base64 32` and give it as \
                 DENIZEN_MASTER_KEY_NEW_FILE, or as a reference in DENIZEN_MASTER_KEY_NEW"
            ),
            (_, Some(text)) => {
                let next = match arn {
                    Some(arn) => self.kept_by_kms(&arn, &folder.join(references::FILE)).await?,
                    None => Master::new(master_key::decode(text)?),
                };
                self.rotate_to(&next).await
            }
        }
    }

    /// Adds a key that the operator keeps, and says what to do.
    async fn rotate_to(&self, next: &Master) -> anyhow::Result<()> {
        let name = next.name();
        if name == self.keyring.slot {
            bail!(
                "master_key_new is the master_key of these settings; to end a rotation run `denizen keys retire`"
            );
        }
        match self.others().await?.as_slice() {
            [] => {
                record::added(self, &name).await?;
                self.add(next).await?;
            }
            [other] if other.name == name => {}
            others => bail!(
                "a rotation is under way already: {} and {} open the keyring; end it with `denizen keys retire` and the key \
                 that is to stay",
                self.keyring.slot,
                others.iter().map(|slot| slot.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
        }
        say(&format!("the keyring opens with {name} too; the old key {} still works", self.keyring.slot));
        say_next();
        Ok(())
    }

    /// Changes a key that is in a file of the data folder. Processes that run have no need of it, and those that start
    /// read the file: nothing is left to do.
    async fn rotate_file(&self, files: &Files) -> anyhow::Result<()> {
        let others = self.others().await?;
        if !others.is_empty() && !files.next.exists() {
            for slot in &others {
                record::retired(self, &slot.name).await?;
            }
            self.remove_others().await?;
            say(&format!("the rotation to {} was cut short; it is finished now", self.keyring.slot));
            return Ok(());
        }
        let next = match &files.arn {
            Some(arn) => self.kept_by_kms(arn, &files.next).await?,
            None => Master::new(master_key::read_or_make(&files.next)?),
        };
        let name = next.name();
        if let Some(other) = others.iter().find(|slot| slot.name != name) {
            bail!(
                "the key {} opens the keyring too, and {} holds another one; end that rotation with `denizen keys retire`",
                other.name,
                files.next.display()
            );
        }
        record::added(self, &name).await?;
        self.add(&next).await?;
        master_key::replace(&files.next, &files.present)
            .with_context(|| format!("the new key could not be put into {}", files.present.display()))?;
        record::retired(self, &self.keyring.slot).await?;
        self.remove_all_but(&name).await?;
        say(&format!("the master key is {name} now, in {}; nothing is left to do", files.present.display()));
        say("backups of the keyring from before still open with the old key");
        Ok(())
    }

    async fn kept_by_kms(&self, reference: &str, path: &Path) -> anyhow::Result<Master> {
        let arn = reference.strip_prefix(references::WRAPPED).unwrap_or(reference);
        let aws = Aws::new(&self.config.aws)?;
        Ok(Master::new(master_key::decode(&references::kept_by_kms(&aws, arn, path).await?)?))
    }
}
