//! The elements of the list in a JSON document, found by its brackets and strings alone: whether an element is right is
//! for its reader to say.

use super::{Broken, MAX_RECORD};

/// Name of the field that lists the records.
const FIELD: &[u8] = b"users";

/// Where in a document we are.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Open brackets and braces.
    depth: usize,
    /// Depth within the list of records, once it is found.
    list: Option<usize>,
    found: bool,
    in_string: bool,
    escaped: bool,
    /// The last string of the outermost object: the name of the field whose value follows.
    name: Vec<u8>,
    /// The record that is being read.
    record: Vec<u8>,
}

// === impl Document ===

impl Document {
    pub(super) fn push(&mut self, bytes: &[u8], records: &mut Vec<String>) -> Result<(), Broken> {
        for &byte in bytes {
            let within = self.within_record();
            if within {
                self.record.push(byte);
            }
            if self.in_string {
                self.string_byte(byte, within);
            } else {
                self.byte(byte, records)?;
            }
            if self.record.len() > MAX_RECORD {
                return Err(Broken::TooLong);
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), Broken> {
        match (self.found, self.depth) {
            (true, 0) => Ok(()),
            (false, 0) => Err(Broken::NoList),
            _ => Err(Broken::Cut),
        }
    }

    fn within_record(&self) -> bool {
        self.list.is_some_and(|list| self.depth > list)
    }

    fn string_byte(&mut self, byte: u8, within: bool) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            // Longer names than the one looked for need not be kept.
            _ if !within && self.depth == 1 && self.name.len() <= FIELD.len() => self.name.push(byte),
            _ => {}
        }
    }

    fn byte(&mut self, byte: u8, records: &mut Vec<String>) -> Result<(), Broken> {
        match byte {
            b'"' => {
                self.in_string = true;
                if !self.within_record() && self.depth == 1 {
                    self.name.clear();
                }
            }
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => return self.close(records),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, byte: u8) {
        let is_list = byte == b'[' && (self.depth == 0 || (self.depth == 1 && self.name == FIELD));
        if self.list.is_some_and(|list| self.depth == list) {
            self.record.push(byte);
        }
        self.depth += 1;
        if is_list && self.list.is_none() {
            self.list = Some(self.depth);
            self.found = true;
        }
    }

    fn close(&mut self, records: &mut Vec<String>) -> Result<(), Broken> {
        self.depth = self.depth.checked_sub(1).ok_or(Broken::Cut)?;
        match self.list {
            Some(list) if self.depth == list => {
                let record = std::mem::take(&mut self.record);
                records.push(String::from_utf8(record).map_err(|_| Broken::NotText)?);
            }
            Some(list) if self.depth < list => self.list = None,
            _ => {}
        }
        Ok(())
    }
}
