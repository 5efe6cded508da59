//! The contract of import and export.

use std::sync::Arc;

use denizen_kit::caller::Permission;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::decode::to_wire;
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::transfer_server::Transfer;
use denizen_rpc::{Reply, serve};
use tonic::Request;

use crate::App;
use crate::model::import::{Fields, Format};
use crate::ops;
use crate::ops::import_users::{Batch, MOST, Outcome};
use crate::store::imports::Progress;

/// Longest name of an import.
const MAX_NAME: usize = 100;

pub(super) struct TransferService(pub(super) Arc<App>);

#[tonic::async_trait]
impl Transfer for TransferService {
    async fn import_users(
        &self,
        request: Request<wire::ImportUsersRequest>,
    ) -> Reply<wire::ImportUsersResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::UsersWrite)).await?;
            let batch = batch(request)?;
            let imported = ops::import_users::import_users(app, &cx, &batch).await?;
            Ok(wire::ImportUsersResponse {
                rows: imported.rows.iter().map(|(row, outcome)| encode_row(*row, outcome)).collect(),
                import: Some(encode(&batch.import_id, &imported.progress)),
            })
        })
        .await
    }

    async fn get_import(&self, request: Request<wire::GetImportRequest>) -> Reply<wire::Import> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let progress = ops::get_import::get_import(app, &cx, &request.import_id).await?;
            Ok(encode(&request.import_id, &progress))
        })
        .await
    }

    async fn export_users(
        &self,
        request: Request<wire::ExportUsersRequest>,
    ) -> Reply<wire::ExportUsersResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::permit(app, &cx, cx.require(Permission::UsersRead)).await?;
            let limit = match usize::try_from(request.limit) {
                Ok(0) => MOST,
                Ok(limit) if limit <= MOST => limit,
                _ => {
                    return Err(Problem::invalid(
                        "/limit",
                        "out_of_range",
                        "limit is a number from 1 to 500",
                    ));
                }
            };
            let (cursor, with_hashes) = (&request.cursor, request.with_hashes);
            let page = ops::export_users::export_users(app, &cx, limit, cursor, with_hashes).await?;
            Ok(wire::ExportUsersResponse { records: page.records, next_cursor: page.next_cursor })
        })
        .await
    }
}

fn batch(request: wire::ImportUsersRequest) -> Result<Batch, Problem> {
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let id = &request.import_id;
    if id.is_empty() || id.len() > MAX_NAME || !id.chars().all(named) {
        let detail = "name the import by 1 to 100 letters, digits, points, hyphens and underscores";
        return Err(Problem::invalid("/import_id", "invalid", detail));
    }
    if request.first_row < 1 {
        return Err(Problem::invalid("/first_row", "out_of_range", "rows are counted from 1"));
    }
    if request.records.is_empty() || request.records.len() > MOST {
        return Err(Problem::invalid("/records", "out_of_range", "1 to 500 records at once"));
    }
    let format = match request.format() {
        wire::Format::Unspecified | wire::Format::Denizen => Format::Denizen,
        wire::Format::Keycloak => Format::Keycloak,
        wire::Format::Auth0 => Format::Auth0,
        wire::Format::Firebase => Format::Firebase,
        wire::Format::Supabase => Format::Supabase,
    };
    let parameters = Some(request.hash_parameters.as_str()).filter(|text| !text.is_empty()).unwrap_or("{}");
    let parameters = Fields::parse(parameters)
        .map_err(|fault| Problem::invalid("/hash_parameters", fault.code, fault.detail))?;
    Ok(Batch {
        import_id: request.import_id,
        first_row: request.first_row,
        format,
        dry_run: request.dry_run,
        records: request.records,
        parameters,
    })
}

fn encode(id: &str, progress: &Progress) -> wire::Import {
    wire::Import {
        import_id: id.to_owned(),
        rows: progress.rows,
        created: progress.created,
        conflicts: progress.conflicts,
        invalid: progress.invalid,
        started_at: Some(to_wire(progress.started_at)),
        updated_at: Some(to_wire(progress.updated_at)),
    }
}

fn encode_row(row: i64, outcome: &Outcome) -> wire::ImportedRow {
    let empty = wire::ImportedRow { row, ..wire::ImportedRow::default() };
    match outcome {
        Outcome::Created(id) => {
            wire::ImportedRow { outcome: wire::Outcome::Created.into(), user_id: id.to_string(), ..empty }
        }
        Outcome::DoneBefore => wire::ImportedRow { outcome: wire::Outcome::DoneBefore.into(), ..empty },
        Outcome::Conflict(pointer, code) => wire::ImportedRow {
            outcome: wire::Outcome::Conflict.into(),
            pointer: (*pointer).to_owned(),
            code: code.as_str().to_owned(),
            detail: conflict(*code).to_owned(),
            ..empty
        },
        Outcome::Invalid(fault) => wire::ImportedRow {
            outcome: wire::Outcome::Invalid.into(),
            pointer: fault.pointer.clone(),
            code: fault.code.to_owned(),
            detail: fault.detail.clone(),
            ..empty
        },
    }
}

const fn conflict(code: Code) -> &'static str {
    match code {
        Code::Conflict => "an account with this id is there, or was erased",
        code => code.meaning(),
    }
}
