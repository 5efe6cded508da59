//! Looks through files for what must not be in them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memmem;

/// The forms in which somebody who looks through files could find a text.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("four bits are a digit");
    let hex: String = text.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    // In the middle of something longer, base64 has one of three forms; the first and last characters mix with others.
    let shifted = |skip: usize| {
        let padded = [vec![0; skip], text.as_bytes().to_vec()].concat();
        let encoded = STANDARD_NO_PAD.encode(padded);
        encoded.as_bytes()[4..encoded.len() - 4].to_vec()
    };
    vec![
        ("UTF-8", text.as_bytes().to_vec()),
        ("UTF-16", utf16),
        ("hexadecimal", hex.into_bytes()),
        ("base64", STANDARD.encode(text).as_bytes()[..12].to_vec()),
        ("base64, shifted by one", shifted(1)),
        ("base64, shifted by two", shifted(2)),
    ]
}

/// Files below a folder that hold a text of twelve bytes or more in some form, whatever its case.
///
/// # Panics
/// When a folder cannot be read.
pub fn holders(folder: &Path, text: &str) -> Vec<String> {
    holders_since(folder, text, SystemTime::UNIX_EPOCH)
}

/// The same of files that were written at this time or later.
///
/// # Panics
/// When a folder cannot be read.
pub fn holders_since(folder: &Path, text: &str, since: SystemTime) -> Vec<String> {
    let forms = forms(text);
    let mut found = Vec::new();
    for path in files(folder, since) {
        // A file that went in the meantime holds nothing.
        let bytes = std::fs::read(&path).unwrap_or_default();
        let lower = bytes.to_ascii_lowercase();
        for (form, wanted) in &forms {
            if memmem::find(&bytes, wanted).is_some() || memmem::find(&lower, wanted).is_some() {
                found.push(format!("{} as {form}", path.display()));
            }
        }
    }
    found
}

fn files(folder: &Path, since: SystemTime) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a folder is read to its end").path();
            let Ok(about) = path.metadata() else { continue };
            if about.is_dir() {
                folders.push(path);
            } else if about.modified().is_ok_and(|time| time >= since) {
                files.push(path);
            }
        }
    }
    files
}

/// Where a PostgreSQL server on this machine keeps a database and its write-ahead log, all of it written to disk.
///
/// # Panics
/// When the server cannot be asked, or does not let this user see where its files are.
pub async fn postgres_folders(database: &str) -> [PathBuf; 2] {
    let (client, connection) =
        tokio_postgres::connect(database, tokio_postgres::NoTls).await.expect("the server");
    let driving = tokio::spawn(connection);
    client.batch_execute("CHECKPOINT").await.expect("a checkpoint, by a superuser");
    let query = "SELECT current_setting('data_directory'), pg_relation_filepath('pg_class')";
    let row = client.query_one(query, &[]).await.expect("the folder of the data");
    let (data, table): (String, String) = (row.get(0), row.get(1));
    drop(client);
    driving.await.expect("the connection ends").expect("in order");
    let data = PathBuf::from(data);
    let own = data.join(table).parent().expect("a table lies in the folder of its database").to_owned();
    [own, data.join("pg_wal")]
}
