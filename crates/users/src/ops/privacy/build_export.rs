//! Make an archive that was ordered: ask every service, write a ZIP of JSON, seal it with the person's data key, put it
//! into the object store. A try that fails is made again; nothing is handed out that is not whole.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::time::after;
use denizen_rpc::privacy::internal::v1::{CollectRequest, CollectResponse};
use denizen_rpc::{Reply, place, problem_from};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::collect_account::{collect_account, collect_picture};
use super::folder;
use crate::App;
use crate::error::{Error, Result};
use crate::events::{ExportFailed, Exported};
use crate::store::exports::{self, Export, ExportId};

/// What a sealed archive is bound to, after the person's id.
pub(super) const PLACE: &str = "users/export";

/// How long one try may take before another worker may begin.
const LEASE: Duration = Duration::from_secs(300);

/// How often making an archive is tried.
const TRIES: i64 = 8;

/// The first wait after a failure; it doubles each time.
const WAIT: Duration = Duration::from_secs(5);

/// Most bytes of JSON in one archive.
const LARGEST: usize = 64 << 20;

/// Most pages that one service is asked for.
const PAGES: usize = 10_000;

/// Files by name.
type Files = BTreeMap<String, File>;

/// What goes into one file.
enum File {
    /// Records, each a JSON object as text.
    Records(Vec<String>),
    /// Bytes as they are.
    Bytes(Vec<u8>),
}

/// The name of an archive in the object store.
pub(super) fn name_of(user_id: UserId, id: ExportId) -> String {
    format!("{}/{id}.zip", folder(user_id))
}

/// Makes one archive that is due; false when none is.
pub(crate) async fn build_next(app: &App) -> Result<bool> {
    let cx = Cx::job(Role::Users, &app.clock);
    let claim = || async {
        let mut tx = app.db.write().await?;
        let claimed =
            exports::claim(&mut tx, cx.now(), after(cx.now(), LEASE)).await.map_err(Problem::from)?;
        tx.commit().await?;
        Ok(claimed)
    };
    let Some(export) = app.db.run(&cx, claim).await? else { return Ok(false) };
    let made = make(app, &export).await;
    let cx = Cx::job(Role::Users, &app.clock);
    match made {
        Ok(size) => settle(app, &cx, &export, size).await?,
        Err(error) => put_back(app, &cx, &export, error).await?,
    }
    Ok(true)
}

/// Makes the archive and puts it away; its size.
async fn make(app: &App, export: &Export) -> Result<i64> {
    let user_id = export.user_id;
    let key = app.keys.find(user_id).await?.ok_or(Error::NoSuchUser)?;
    let mut files = Files::new();
    for (name, items) in collect_account(app, user_id, &key).await? {
        files.insert(format!("{name}.json"), File::Records(items.iter().map(Value::to_string).collect()));
    }
    if let Some((name, picture)) = collect_picture(app, user_id, &key).await? {
        files.insert(name.to_owned(), File::Bytes(picture));
    }
    for service in [Role::Auth, Role::Password, Role::Otp, Role::Notify, Role::Audit] {
        collect(app, service, user_id, &mut files).await?;
    }
    let manifest = manifest(export, &files, app.clock.now());
    let archive = tokio::task::spawn_blocking(move || zipped(&manifest, &files));
    let archive =
        archive.await.map_err(|error| Problem::unavailable("the node is stopping").caused_by(error))?;
    let archive = archive.map_err(Problem::internal)?;
    let size = i64::try_from(archive.len()).unwrap_or(i64::MAX);
    let sealed = key.seal(&place(user_id, PLACE), &archive);
    app.objects.put(&name_of(user_id, export.id), sealed).await?;
    Ok(size)
}

/// Adds all that a service holds, page by page.
async fn collect(app: &App, service: Role, user_id: UserId, files: &mut Files) -> Result<()> {
    let mut cursor = String::new();
    for _ in 0..PAGES {
        let request = CollectRequest { user_id: user_id.to_string(), cursor };
        let page = ask(app, service, request).await.map_err(problem_from)?.into_inner();
        for section in page.sections {
            let name = format!("{service}/{}.json", section.name);
            let file = files.entry(name).or_insert_with(|| File::Records(Vec::new()));
            if let File::Records(records) = file {
                records.extend(section.items);
            }
        }
        if files.values().map(File::size).sum::<usize>() > LARGEST {
            return Err(Problem::unavailable("the archive is larger than 64 MiB").into());
        }
        cursor = page.next_cursor;
        if cursor.is_empty() {
            return Ok(());
        }
    }
    Err(Problem::unavailable("a service gives no end of pages").into())
}

async fn ask(app: &App, service: Role, request: CollectRequest) -> Reply<CollectResponse> {
    let cx = Cx::job(Role::Users, &app.clock);
    match service {
        Role::Auth => app.links.auth_records(&cx).collect(request).await,
        Role::Password => app.links.password_records(&cx).collect(request).await,
        Role::Otp => app.links.otp_records(&cx).collect(request).await,
        Role::Notify => app.links.notify_records(&cx).collect(request).await,
        _ => app.links.audit_records(&cx).collect(request).await,
    }
}

fn manifest(export: &Export, files: &Files, now: denizen_kit::time::Timestamp) -> String {
    let count = |file: &File| match file {
        File::Records(records) => json!({ "records": records.len() }),
        File::Bytes(bytes) => json!({ "bytes": bytes.len() }),
    };
    let files: serde_json::Map<String, Value> =
        files.iter().map(|(name, file)| (name.clone(), count(file))).collect();
    let manifest = json!({
        "schema": "denizen-export/1",
        "export_id": export.id,
        "user_id": export.user_id,
        "ordered_at": export.created_at,
        "made_at": now,
        "files": files,
    });
    format!("{manifest:#}")
}

/// The files as a ZIP: `export.json` says what there is; each other JSON file holds `{"items": […]}`.
fn zipped(manifest: &str, files: &Files) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("export.json", options)?;
    writer.write_all(manifest.as_bytes())?;
    for (name, file) in files {
        writer.start_file(name.as_str(), options)?;
        match file {
            File::Bytes(bytes) => writer.write_all(bytes)?,
            File::Records(records) => {
                writer.write_all(b"{\"items\":[\n")?;
                for (index, record) in records.iter().enumerate() {
                    writer.write_all(if index == 0 { b"" } else { b",\n" })?;
                    writer.write_all(record.as_bytes())?;
                }
                writer.write_all(b"\n]}\n")?;
            }
        }
    }
    Ok(writer.finish()?.into_inner())
}

// === impl File ===

impl File {
    /// Its bytes, about.
    fn size(&self) -> usize {
        match self {
            File::Records(records) => records.iter().map(String::len).sum(),
            File::Bytes(bytes) => bytes.len(),
        }
    }
}

async fn settle(app: &App, cx: &Cx, export: &Export, size: i64) -> Result<()> {
    let op = || async {
        let mut tx = app.db.write().await?;
        let expires_at = after(cx.now(), app.config.export_retention);
        let is_ours =
            exports::ready(&mut tx, export, cx.now(), size, expires_at).await.map_err(Problem::from)?;
        if is_ours {
            tx.emit(cx, Exported { user_id: export.user_id, export_id: export.id });
        }
        tx.commit().await?;
        Ok(is_ours)
    };
    if !app.db.run(cx, op).await? && app.keys.find(export.user_id).await?.is_none() {
        // The person was erased meanwhile, and with them what was there then; this came after.
        app.objects.delete_below(&folder(export.user_id)).await?;
    }
    Ok(())
}

async fn put_back(app: &App, cx: &Cx, export: &Export, error: Error) -> Result<()> {
    let problem = Problem::from(error);
    let gives_up = export.attempts >= TRIES;
    tracing::warn!(%problem, export = %export.id, gives_up, "an archive could not be made");
    let doublings = u32::try_from(export.attempts.clamp(0, 16)).unwrap_or(0);
    let op = || async {
        let mut tx = app.db.write().await?;
        if gives_up {
            exports::fail(&mut tx, export, cx.now()).await.map_err(Problem::from)?;
            tx.emit(cx, ExportFailed { user_id: export.user_id, export_id: export.id });
        } else {
            let at = after(cx.now(), WAIT.saturating_mul(1 << doublings));
            exports::again(&mut tx, export, at).await.map_err(Problem::from)?;
        }
        Ok(tx.commit().await?)
    };
    Ok(app.db.run(cx, op).await?)
}

/// Removes archives whose time is over.
pub(crate) async fn sweep(app: &App) -> Result<()> {
    let cx = Cx::job(Role::Users, &app.clock);
    for export in exports::expired(&mut app.db.single().await?, cx.now()).await? {
        app.objects.delete(&name_of(export.user_id, export.id)).await?;
        let op = || async {
            let mut tx = app.db.write().await?;
            exports::delete(&mut tx, export.id).await.map_err(Problem::from)?;
            Ok(tx.commit().await?)
        };
        app.db.run(&cx, op).await?;
    }
    Ok(())
}
