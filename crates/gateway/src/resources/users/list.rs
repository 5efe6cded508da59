//! The list of accounts over REST: a page, or all of it as lines of JSON or CSV.

use axum::response::Response;
use denizen_kit::problem::Problem;
use denizen_rpc::decode::MAX_LIMIT;
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;
use futures::Stream;
use futures::stream::unfold;
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::form::read_status;
use super::view::{COLUMNS, User};
use crate::faces::csv::{csv, wants_csv};
use crate::faces::ctx::Ctx;
use crate::faces::failure::Failure;
use crate::faces::lines::{lines, wants_lines};
use crate::faces::page::{Page, page};
use crate::faces::query::{Query, flag, limit, time};

/// Which accounts, in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// `pending`, `active`, `blocked`, `suspended` or `deleted`.
    status: Option<String>,
    role: Option<String>,
    /// The whole address.
    email: Option<String>,
    /// The whole name.
    username: Option<String>,
    /// The whole number.
    mobile: Option<String>,
    /// Start of the name or of the user name.
    q: Option<String>,
    #[param(format = DateTime)]
    created_after: Option<String>,
    #[param(format = DateTime)]
    created_before: Option<String>,
    /// `created_at`, `-created_at`, `username`, `name` or `last_login_at`.
    sort: Option<String>,
    #[param(value_type = Option<i32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Whether the answer says how many there are in all.
    #[param(value_type = Option<bool>)]
    total: Option<String>,
}

/// List accounts
///
/// With `Accept: application/x-ndjson` or `text/csv` all of them, without pages. Needs `users:read`.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(ListQuery), responses(
    (status = 200, description = "A page of accounts", headers(("Link" = String)), content(
        (Page<User> = "application/json"), (User = "application/x-ndjson"), (String = "text/csv")))))]
pub(super) async fn list_users(
    ctx: Ctx,
    headers: HeaderMap,
    Query(query, uri): Query<ListQuery>,
) -> Result<Response, Failure> {
    if wants_lines(&headers) {
        return Ok(lines(all(ctx, query.into_message()?).await?));
    }
    if wants_csv(&headers) {
        return Ok(csv(&COLUMNS, all(ctx, query.into_message()?).await?));
    }
    let answer = ctx.users().list_users(query.into_message()?).await?.into_inner();
    let users = answer.users.into_iter().map(User::of_another).collect();
    Ok(page(&uri, users, answer.next_cursor, answer.total))
}

/// All accounts of a list, page by page. The first page is asked for before the answer begins, so that a refusal is one.
async fn all(
    ctx: Ctx,
    asked: wire::ListUsersRequest,
) -> Result<impl Stream<Item = Result<Vec<User>, Problem>> + Send + 'static, Failure> {
    let asked = wire::ListUsersRequest { limit: MAX_LIMIT, total: false, ..asked };
    let first = ctx.users().list_users(asked.clone()).await.map(tonic::Response::into_inner)?;
    Ok(unfold(Some((ctx, asked, Ok(first))), |state| async move {
        let (ctx, mut asked, answer) = state?;
        let answer: wire::ListUsersResponse = match answer {
            Ok(answer) => answer,
            Err(problem) => return Some((Err(problem), None)),
        };
        let users = answer.users.into_iter().map(User::of_another).collect();
        if answer.next_cursor.is_empty() {
            return Some((Ok(users), None));
        }
        asked.cursor = answer.next_cursor;
        let next = more(&ctx, asked.clone()).await;
        Some((Ok(users), Some((ctx, asked, next))))
    }))
}

async fn more(ctx: &Ctx, asked: wire::ListUsersRequest) -> Result<wire::ListUsersResponse, Problem> {
    let answer = ctx.renewed().await?.users().list_users(asked).await;
    answer.map(tonic::Response::into_inner).map_err(problem_from)
}

// === impl ListQuery ===

impl ListQuery {
    fn into_message(self) -> Result<wire::ListUsersRequest, Problem> {
        let status = self.status.as_deref().map(read_status).transpose()?.map(Into::into);
        Ok(wire::ListUsersRequest {
            status,
            role: self.role,
            email: self.email,
            username: self.username,
            mobile: self.mobile,
            q: self.q,
            created_after: time("/created_after", self.created_after)?,
            created_before: time("/created_before", self.created_before)?,
            sort: read_sort(self.sort.as_deref())?.into(),
            limit: limit(self.limit)?,
            cursor: self.cursor.unwrap_or_default(),
            total: flag("/total", self.total.as_deref())?,
        })
    }
}

fn read_sort(text: Option<&str>) -> Result<wire::Sort, Problem> {
    match text {
        None => Ok(wire::Sort::Unspecified),
        Some("created_at") => Ok(wire::Sort::CreatedAt),
        Some("-created_at") => Ok(wire::Sort::CreatedAtDesc),
        Some("username") => Ok(wire::Sort::Username),
        Some("name") => Ok(wire::Sort::Name),
        Some("last_login_at") => Ok(wire::Sort::LastLoginAt),
        Some(_) => {
            let detail = "sort is created_at, -created_at, username, name or last_login_at";
            Err(Problem::invalid("/sort", "unknown", detail))
        }
    }
}
