//! Records of a file of any length, taken apart while it comes: lines of JSON, the elements of a JSON document, rows of
//! CSV. Each record comes out as the text of a JSON object, so that what reads records knows one form.

mod csv;
mod document;

use thiserror::Error;

use csv::Csv;
use document::Document;

/// Most bytes of one record; beyond it a file is taken for broken.
const MAX_RECORD: usize = 1024 * 1024;

/// What the file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A JSON object a line, or one JSON list of objects.
    Lines,
    /// Rows with the names of the columns in the first; a point in a name nests (`preferences.locale`).
    Csv,
    /// A JSON object whose field `users` lists the records, or a list of them.
    Document,
}

/// A file that cannot be taken apart.
#[derive(Debug, Error)]
pub enum Broken {
    /// One record is too long: the file has another shape, or was cut.
    #[error("a record has more than 1 MiB; is the file of another format?")]
    TooLong,
    /// The file ends within a record.
    #[error("the file ends in the middle of a record; it was cut off")]
    Cut,
    /// It is no text.
    #[error("the file is not UTF-8")]
    NotText,
    /// A row has more cells than the first.
    #[error("row {0} has more cells than the first row, which names the columns")]
    TooManyCells(u64),
    /// There are no column names.
    #[error("the first row must name the columns, each once")]
    NoColumns,
    /// There is no list of records.
    #[error("the file has no list of records: an object with the field users, or a list, is expected")]
    NoList,
}

/// Takes a file apart.
#[derive(Debug)]
pub struct Splitter(Kind);

#[derive(Debug)]
enum Kind {
    /// Nothing but white space has come: it may be lines or a list.
    Unknown,
    Lines(Vec<u8>),
    Csv(Box<Csv>),
    Document(Document),
}

// === impl Splitter ===

impl Splitter {
    /// For a file of a shape.
    pub fn new(shape: Shape) -> Self {
        Self(match shape {
            Shape::Lines => Kind::Unknown,
            Shape::Csv => Kind::Csv(Box::default()),
            Shape::Document => Kind::Document(Document::default()),
        })
    }

    /// Takes the next bytes; the records that they complete are added to `records`.
    pub fn push(&mut self, mut bytes: &[u8], records: &mut Vec<String>) -> Result<(), Broken> {
        if matches!(self.0, Kind::Unknown) {
            bytes = bytes.trim_ascii_start();
            match bytes.first() {
                None => return Ok(()),
                Some(b'[') => self.0 = Kind::Document(Document::default()),
                Some(_) => self.0 = Kind::Lines(Vec::new()),
            }
        }
        match &mut self.0 {
            Kind::Unknown => Ok(()),
            Kind::Lines(line) => push_lines(line, bytes, records),
            Kind::Csv(csv) => csv.push(bytes, records),
            Kind::Document(document) => document.push(bytes, records),
        }
    }

    /// Ends the file.
    pub fn finish(self, records: &mut Vec<String>) -> Result<(), Broken> {
        match self.0 {
            Kind::Unknown => Ok(()),
            Kind::Lines(line) => add_line(&line, records),
            Kind::Csv(csv) => csv.finish(records),
            Kind::Document(document) => document.finish(),
        }
    }
}

fn push_lines(line: &mut Vec<u8>, bytes: &[u8], records: &mut Vec<String>) -> Result<(), Broken> {
    let mut parts = bytes.split(|byte| *byte == b'\n');
    // What stands after the last line break is the beginning of the next line.
    let rest = parts.next_back().unwrap_or_default();
    for part in parts {
        line.extend_from_slice(part);
        add_line(line, records)?;
        line.clear();
    }
    line.extend_from_slice(rest);
    if line.len() > MAX_RECORD { Err(Broken::TooLong) } else { Ok(()) }
}

fn add_line(line: &[u8], records: &mut Vec<String>) -> Result<(), Broken> {
    if line.len() > MAX_RECORD {
        return Err(Broken::TooLong);
    }
    let text = std::str::from_utf8(line.trim_ascii()).map_err(|_| Broken::NotText)?;
    if !text.is_empty() {
        records.push(text.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
