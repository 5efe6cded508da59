//! The public form of an import.

use denizen_kit::time::Timestamp;
use denizen_rpc::users::v1 as wire;
use serde::Serialize;
use utoipa::ToSchema;

use crate::resources::{filled, time};

/// How far an import has come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Import {
    #[serde(rename = "import_id")]
    id: String,
    /// Rows up to this one are done.
    rows: i64,
    created: i64,
    conflicts: i64,
    invalid: i64,
    #[schema(value_type = String, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Option<Timestamp>,
}

/// What became of one row.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Row {
    #[serde(rename = "row")]
    number: i64,
    /// `created`, `done_before`, `conflict` or `invalid`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// JSON pointer to what is wrong in the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What became of the rows of one file.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Report {
    import_id: String,
    /// Nothing was written.
    dry_run: bool,
    /// Rows of the file.
    rows: i64,
    created: i64,
    /// Rows that this import had taken before.
    done_before: i64,
    conflicts: i64,
    invalid: i64,
    /// The first 1,000 rows that were not taken.
    errors: Vec<Row>,
    /// Whether there are more. Ask for `application/x-ndjson` to get each row.
    more_errors: bool,
}

/// Rows that were not taken which a report holds at most.
const MOST_ERRORS: usize = 1000;

// === impl Import ===

impl Import {
    pub(crate) fn of(import: wire::Import) -> Self {
        Self {
            id: import.import_id,
            rows: import.rows,
            created: import.created,
            conflicts: import.conflicts,
            invalid: import.invalid,
            started_at: time(import.started_at),
            updated_at: time(import.updated_at),
        }
    }
}

// === impl Row ===

impl Row {
    pub(crate) fn of(row: wire::ImportedRow) -> Self {
        let outcome = match row.outcome() {
            wire::Outcome::Created => "created",
            wire::Outcome::DoneBefore => "done_before",
            wire::Outcome::Conflict => "conflict",
            wire::Outcome::Invalid | wire::Outcome::Unspecified => "invalid",
        };
        Self {
            number: row.row,
            outcome,
            user_id: filled(row.user_id),
            pointer: filled(row.pointer),
            code: filled(row.code),
            detail: filled(row.detail),
        }
    }
}

// === impl Report ===

impl Report {
    /// The report of a file of which nothing has been taken yet.
    pub(crate) fn new(import_id: &str, dry_run: bool) -> Self {
        Self { import_id: import_id.to_owned(), dry_run, ..Self::default() }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: Row) {
        self.rows = self.rows.max(row.number);
        match row.outcome {
            "created" => self.created += 1,
            "done_before" => self.done_before += 1,
            outcome => {
                let count = if outcome == "conflict" { &mut self.conflicts } else { &mut self.invalid };
                *count += 1;
                if self.errors.len() < MOST_ERRORS {
                    self.errors.push(row);
                } else {
                    self.more_errors = true;
                }
            }
        }
    }
}
