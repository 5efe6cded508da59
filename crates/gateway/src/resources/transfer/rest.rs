//! Import over REST.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use denizen_kit::cx::Cx;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::stream::Upload;
use super::view::{Import, Report};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::lines::{lines, wants_lines};
use crate::faces::query::Query;
use crate::records::{Shape, Splitter};
use crate::state::App;

/// The operations on many accounts at once.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(import_users)).routes(routes!(get_import))
}

/// What is imported, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// `denizen` (the default), `keycloak`, `auth0`, `firebase` or `supabase`.
    format: Option<String>,
    /// Names the import; the same name resumes it. Without one it has a new one, which the answer tells.
    import_id: Option<String>,
    /// Only say what would happen.
    #[param(value_type = Option<bool>)]
    dry_run: Option<String>,
    /// What Firebase's hashes have in common, as a JSON object: `signer_key`, `salt_separator`, `rounds`, `mem_cost`.
    hash_parameters: Option<String>,
}

/// Import users
///
/// Takes a file of any length: lines of JSON, a JSON document or CSV. Rows that the import took before are left alone,
/// so a file that was cut off is sent again under the same `import_id`. With `Accept: application/x-ndjson` the answer
/// has a line for each row, as they are done. Needs `users:write`.
#[utoipa::path(post, path = "/api/v1/admin/import", tag = "admin", params(ImportQuery),
    request_body(content(("application/x-ndjson"), ("text/csv"), ("application/json")), description = "The records"),
    responses((status = 200, description = "What became of the rows", body = Report)))]
async fn import_users(
    ctx: Ctx,
    headers: HeaderMap,
    Query(query, _): Query<ImportQuery>,
    body: Body,
) -> Result<Response, Failure> {
    let request = query.into_message(&ctx)?;
    let splitter = Splitter::new(shape(&headers, request.format()));
    let (import_id, dry_run) = (request.import_id.clone(), request.dry_run);
    may_import(&ctx, &import_id).await?;
    let mut upload = Upload::new(ctx, body, splitter, request);
    if wants_lines(&headers) {
        let parts = futures::stream::try_unfold(upload, async |mut upload| {
            let rows = upload.next().await?;
            Ok(rows.map(|rows| (rows, upload)))
        });
        return Ok(lines(parts));
    }
    let mut report = Report::new(&import_id, dry_run);
    while let Some(rows) = upload.next().await? {
        for row in rows {
            report.add(row);
        }
    }
    Ok(Json(report).into_response())
}

/// Shows an import
///
/// How far it has come. Needs `users:write`.
#[utoipa::path(get, path = "/api/v1/admin/imports/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, description = "How far it has come", body = Import)))]
async fn get_import(ctx: Ctx, Path(import_id): Path<String>) -> Result<Json<Import>, Failure> {
    let answer = ctx.transfer().get_import(wire::GetImportRequest { import_id }).await?;
    Ok(Json(Import::of(answer.into_inner())))
}

/// Whether the caller may import, asked before their file is read.
async fn may_import(ctx: &Ctx, import_id: &str) -> Result<(), Problem> {
    let request = wire::GetImportRequest { import_id: import_id.to_owned() };
    match ctx.transfer().get_import(request).await.map_err(problem_from) {
        Err(problem) if problem.code != Code::NotFound => Err(problem),
        _ => Ok(()),
    }
}

/// What the file looks like, by its type and where it comes from.
fn shape(headers: &HeaderMap, format: wire::Format) -> Shape {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("text/csv") {
        return Shape::Csv;
    }
    match format {
        wire::Format::Keycloak | wire::Format::Firebase => Shape::Document,
        _ => Shape::Lines,
    }
}

// === impl ImportQuery ===

impl ImportQuery {
    fn into_message(self, ctx: &Ctx) -> Result<wire::ImportUsersRequest, Problem> {
        let format = match self.format.as_deref().unwrap_or("denizen") {
            "denizen" => wire::Format::Denizen,
            "keycloak" => wire::Format::Keycloak,
            "auth0" => wire::Format::Auth0,
            "firebase" => wire::Format::Firebase,
            "supabase" => wire::Format::Supabase,
            _ => {
                let detail = "format is denizen, keycloak, auth0, firebase or supabase";
                return Err(Problem::invalid("/format", "unknown", detail));
            }
        };
        let dry_run = match self.dry_run.as_deref() {
            None | Some("false" | "0") => false,
            Some("true" | "1" | "") => true,
            Some(_) => return Err(Problem::invalid("/dry_run", "invalid", "dry_run is true or false")),
        };
        // Not the id of the request: that is the client's to choose, and may be that of another import.
        let made = || Cx::new(ctx.visit.call.clone(), ctx.app.clock.clone()).uuid().to_string();
        Ok(wire::ImportUsersRequest {
            import_id: self.import_id.unwrap_or_else(made),
            first_row: 1,
            format: format.into(),
            dry_run,
            records: Vec::new(),
            hash_parameters: self.hash_parameters.unwrap_or_default(),
        })
    }
}
