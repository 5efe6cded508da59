//! List accounts: one filter with one sort, each pair served by an index range ([`TABLE`]).

use denizen_kit::caller::Permission;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::time::Timestamp;

use super::lookup;
use super::view::note_view;
use super::{is_shown, permit};
use crate::App;
use crate::error::Result;
use crate::model::User;
use crate::model::profile::fold;
use crate::ops::lookup::By;
use crate::rpc::cursor::{self, Place};
use crate::store::SealedUser;
use crate::store::pages::{self, ByTime, Shown};

/// Which sort goes with which filter; the first is the default. For the printed table and the refusals.
pub const TABLE: &[(&str, &[Sort])] = &[
    ("none", &[Sort::CreatedDesc, Sort::Created, Sort::Username, Sort::Name, Sort::LastLogin]),
    ("status", &[Sort::CreatedDesc, Sort::Created]),
    ("role", &[Sort::CreatedDesc, Sort::Created]),
    ("q", &[Sort::Name, Sort::Username]),
    (
        "email, username or mobile",
        &[Sort::CreatedDesc, Sort::Created, Sort::Username, Sort::Name, Sort::LastLogin],
    ),
];

/// By what a page is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Time of making, oldest first.
    Created,
    /// Time of making, newest first.
    CreatedDesc,
    /// User name.
    Username,
    /// Name.
    Name,
    /// Last login, those who never logged in first.
    LastLogin,
}

impl Sort {
    /// The sort as it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Sort::Created => "created_at",
            Sort::CreatedDesc => "-created_at",
            Sort::Username => "username",
            Sort::Name => "name",
            Sort::LastLogin => "last_login_at",
        }
    }
}

/// Which accounts to list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    None,
    Status(&'static str),
    Deleted,
    Role(String),
    /// Prefix of the name (sort `name`) or the user name (sort `username`).
    Prefix(String),
    Exact(Exact),
}

/// One account by an identifier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Exact {
    Email(String),
    Username(String),
    Mobile(String),
}

/// A wanted page.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) filter: Filter,
    pub(crate) sort: Option<Sort>,
    pub(crate) created_after: Option<Timestamp>,
    pub(crate) created_before: Option<Timestamp>,
    pub(crate) limit: i64,
    pub(crate) cursor: String,
    pub(crate) total: bool,
}

/// A page of accounts.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) users: Vec<User>,
    pub(crate) next_cursor: String,
    pub(crate) total: Option<i64>,
}

/// The page. Deleted accounts show under the status `deleted` only.
pub(crate) async fn list_users(app: &App, cx: &Cx, wanted: &Wanted) -> Result<Page> {
    permit(app, cx, cx.require(Permission::UsersRead)).await?;
    let sort = allowed_sort(wanted)?;
    let mut page = match &wanted.filter {
        Filter::Exact(exact) => one_user(app, exact).await?,
        _ => one_page(app, wanted, sort).await?,
    };
    page.users.retain(|user| is_shown(cx, user));
    if matches!(wanted.filter, Filter::Exact(_)) {
        page.total = i64::try_from(page.users.len()).ok();
    }
    note_view(app, cx, None, page.users.len()).await;
    Ok(page)
}

async fn one_page(app: &App, wanted: &Wanted, sort: Sort) -> Result<Page> {
    let context =
        format!("{:?} {sort:?} {:?} {:?}", wanted.filter, wanted.created_after, wanted.created_before);
    let after = cursor::read(app.keys.pages(), &context, &wanted.cursor)?;
    let mut tx = app.db.read().await?;
    let mut rows = fetch(&mut tx, wanted, sort, after).await?;
    let total = if wanted.total { Some(pages::count(&mut tx, &shown(&wanted.filter)).await?) } else { None };
    drop(tx);

    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let users = open_all(app, rows).await?;
    let next_cursor = match users.last() {
        Some(last) if more => cursor::write(app.keys.pages(), &context, &place_of(last, sort)),
        _ => String::new(),
    };
    Ok(Page { users, next_cursor, total })
}

/// The sort that was asked for, or the filter's own; 422 for a pair that no index serves.
fn allowed_sort(wanted: &Wanted) -> Result<Sort, Problem> {
    let (name, sorts) = match wanted.filter {
        Filter::None => TABLE[0],
        Filter::Status(_) | Filter::Deleted => TABLE[1],
        Filter::Role(_) => TABLE[2],
        Filter::Prefix(_) => TABLE[3],
        Filter::Exact(_) => TABLE[4],
    };
    let sort = wanted.sort.unwrap_or(sorts[0]);
    let names = || sorts.iter().map(|sort| sort.as_str()).collect::<Vec<_>>().join(", ");
    if !sorts.contains(&sort) {
        let detail = format!("the filter {name} goes with the sort {}", names());
        return Err(Problem::invalid("/sort", "not_allowed", detail));
    }
    let ranged = wanted.created_after.is_some() || wanted.created_before.is_some();
    if wanted.total && (ranged || matches!(wanted.filter, Filter::Prefix(_))) {
        let detail = "total goes with no filter, status or role; not with q, created_after or created_before";
        return Err(Problem::invalid("/total", "not_allowed", detail));
    }
    if ranged && !matches!(sort, Sort::Created | Sort::CreatedDesc) {
        let detail = "created_after and created_before go with the sort created_at or -created_at";
        return Err(Problem::invalid("/sort", "not_allowed", detail));
    }
    Ok(sort)
}

async fn fetch(
    tx: &mut denizen_db::Tx,
    wanted: &Wanted,
    sort: Sort,
    after: Option<Place>,
) -> Result<Vec<SealedUser>> {
    let rows = wanted.limit + 1;
    let prefix = match &wanted.filter {
        Filter::Prefix(prefix) => fold(prefix),
        _ => String::new(),
    };
    let end = format!("{prefix}\u{10ffff}");
    let text_after = match &after {
        Some(Place { key, id }) => (key.as_str(), *id),
        None => (prefix.as_str(), UserId::nil()),
    };
    match sort {
        Sort::Username => pages::by_username(tx, text_after, &end, rows).await,
        Sort::Name => pages::by_name(tx, text_after, &end, rows).await,
        Sort::LastLogin => {
            let after = after.map_or(Ok((before_all(), UserId::nil())), |place| place.time())?;
            pages::by_login(tx, after, rows).await
        }
        Sort::Created | Sort::CreatedDesc => {
            let page = by_time(wanted, sort == Sort::CreatedDesc, after)?;
            pages::by_created(tx, &page, rows).await
        }
    }
}

/// Where a page by time starts and ends: after the cursor, within the range asked for.
fn by_time(wanted: &Wanted, descending: bool, after: Option<Place>) -> Result<ByTime, Problem> {
    let last = UserId::from_uuid(uuid::Uuid::max());
    let earliest = wanted.created_after.map(|at| (at, last));
    let latest = wanted.created_before.map(|at| (at, UserId::nil()));
    let cursor = after.map(|place| place.time()).transpose()?;
    let (from, end) = if descending {
        (
            cursor.or(latest).unwrap_or((far_future(), last)),
            wanted.created_after.unwrap_or(Timestamp::UNIX_EPOCH),
        )
    } else {
        (
            cursor.or(earliest).unwrap_or((Timestamp::UNIX_EPOCH, UserId::nil())),
            wanted.created_before.unwrap_or(far_future()),
        )
    };
    Ok(ByTime { shown: shown(&wanted.filter), descending, after: from, end })
}

fn shown(filter: &Filter) -> Shown {
    match filter {
        Filter::Status(status) => Shown::Status(status),
        Filter::Deleted => Shown::Deleted,
        Filter::Role(role) => Shown::Role(role.clone()),
        Filter::None | Filter::Prefix(_) | Filter::Exact(_) => Shown::All,
    }
}

/// A time after all accounts' (the year 9000), within what both engines keep.
fn far_future() -> Timestamp {
    denizen_kit::time::from_micros(221_845_392_000_000_000)
}

/// A time before all logins: who never logged in stands at the epoch.
fn before_all() -> Timestamp {
    denizen_kit::time::from_micros(-1)
}

async fn one_user(app: &App, exact: &Exact) -> Result<Page> {
    let by = match exact {
        Exact::Email(text) => By::Email(text.clone()),
        Exact::Username(text) => By::Username(text.clone()),
        Exact::Mobile(text) => By::Mobile(text.clone()),
    };
    let users: Vec<User> =
        lookup::find(app, &by).await?.0.into_iter().filter(|user| user.deleted_at.is_none()).collect();
    Ok(Page { users, next_cursor: String::new(), total: None })
}

/// The accounts of rows, opened.
pub(super) async fn open_all(app: &App, rows: Vec<SealedUser>) -> Result<Vec<User>> {
    let ids = rows.iter().map(|row| row.id).collect();
    let mut keys = app.keys.of_all(ids).await?;
    // An account without a key was erased a moment ago: it is not shown.
    rows.into_iter()
        .filter_map(|row| Some((keys.remove(&row.id)?, row)))
        .map(|(key, row)| row.open(&key))
        .collect()
}

fn place_of(user: &User, sort: Sort) -> Place {
    let key = match sort {
        Sort::Created | Sort::CreatedDesc => user.created_at.as_microsecond().to_string(),
        Sort::LastLogin => user.last_login_at.unwrap_or(Timestamp::UNIX_EPOCH).as_microsecond().to_string(),
        Sort::Username => user.username.as_ref().map(|name| name.sort().to_owned()).unwrap_or_default(),
        Sort::Name => user.name.sort(),
    };
    Place { key, id: user.id }
}
