//! Rows of CSV (RFC 4180) as JSON objects.

use std::collections::HashSet;

use csv_core::{ReadRecordResult, Reader};
use serde_json::{Map, Value};

use super::{Broken, MAX_RECORD};

/// Bytes and cells of a row that there is room for at first.
const ROOM: (usize, usize) = (4096, 64);

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Csv {
    reader: Reader,
    /// The cells of the row so far, one after the other, and where each ends.
    text: Vec<u8>,
    length: usize,
    ends: Vec<usize>,
    cells: usize,
    columns: Vec<String>,
    row: u64,
}

impl Default for Csv {
    fn default() -> Self {
        let (text, ends) = (vec![0; ROOM.0], vec![0; ROOM.1]);
        Self { reader: Reader::new(), text, length: 0, ends, cells: 0, columns: Vec::new(), row: 0 }
    }
}

// === impl Csv ===

impl Csv {
    pub(super) fn push(&mut self, mut bytes: &[u8], records: &mut Vec<String>) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let (_, taken) = self.read(bytes, records)?;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    pub(super) fn finish(mut self: Box<Self>, records: &mut Vec<String>) -> Result<(), Broken> {
        // To be given nothing is how the reader learns of the end.
        while self.read(&[], records)?.0 != ReadRecordResult::End {}
        if self.columns.is_empty() { Err(Broken::NoColumns) } else { Ok(()) }
    }

    fn read(&mut self, bytes: &[u8], records: &mut Vec<String>) -> Result<(ReadRecordResult, usize), Broken> {
        let (text, ends) = (&mut self.text[self.length..], &mut self.ends[self.cells..]);
        let (result, taken, written, ended) = self.reader.read_record(bytes, text, ends);
        self.length += written;
        self.cells += ended;
        match result {
            ReadRecordResult::OutputFull if self.text.len() > MAX_RECORD => return Err(Broken::TooLong),
            ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
            ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            ReadRecordResult::Record => self.take_row(records)?,
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
        }
        Ok((result, taken))
    }

    fn take_row(&mut self, records: &mut Vec<String>) -> Result<(), Broken> {
        let text = std::str::from_utf8(&self.text[..self.length]).map_err(|_| Broken::NotText)?;
        let mut start = 0;
        let mut cells = Vec::with_capacity(self.cells);
        for &end in &self.ends[..self.cells] {
            cells.push(text.get(start..end).ok_or(Broken::NotText)?);
            start = end;
        }
        self.row += 1;
        if self.columns.is_empty() {
            self.columns = columns(&cells)?;
        } else if cells.len() > self.columns.len() {
            return Err(Broken::TooManyCells(self.row));
        } else {
            records.push(object(&self.columns, &cells).to_string());
        }
        (self.length, self.cells) = (0, 0);
        Ok(())
    }
}

/// Names of the columns, without the byte order mark that spreadsheets put before them.
fn columns(cells: &[&str]) -> Result<Vec<String>, Broken> {
    let names: Vec<String> =
        cells.iter().map(|cell| cell.trim_start_matches('\u{feff}').trim().to_owned()).collect();
    let mut seen = HashSet::new();
    if names.iter().any(|name| name.is_empty() || !seen.insert(name)) {
        return Err(Broken::NoColumns);
    }
    Ok(names)
}

/// The row as an object; empty cells are left out.
fn object(columns: &[String], cells: &[&str]) -> Value {
    let mut object = Map::new();
    for (column, cell) in columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
        let value = Value::String((*cell).to_owned());
        match column.split_once('.') {
            None => drop(object.insert(column.clone(), value)),
            Some((outer, inner)) => {
                let entry = object.entry(outer).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(fields) = entry {
                    fields.insert(inner.to_owned(), value);
                }
            }
        }
    }
    Value::Object(object)
}
