//! Takes the contents of entries whose time is over, class by class, and the links of a beginning that is empty. Each
//! step is a short transaction that locks no more than it takes, and leaves a signed statement, so that the chain
//! can still be proved and nobody else can make an entry go unnoticed.

use std::time::Duration;

use denizen_db::Tx;
use denizen_kit::cx::Cx;
use denizen_kit::time::{Timestamp, before};

use crate::App;
use crate::chain::Walk;
use crate::error::Result;
use crate::model::Class;
use crate::notary::{Place, Statement, name};
use crate::ranges::Ranges;
use crate::store::{self, WINDOW};

/// Whose progress is kept under this name beside that of the classes.
const CUT: &str = "cut";

/// Looks at the next entries of a class and takes the contents of those that are old enough. Returns whether there
/// may be more.
pub(crate) async fn retain(app: &App, cx: &Cx, class: Class) -> Result<bool> {
    let kept = app.config.retention(class);
    if kept == Duration::ZERO {
        return Ok(false);
    }
    let mut tx =
        app.db.write_relaxed("the lock on the row of the class puts those who do it in a row").await?;
    let after = store::lock_swept(&mut tx, class.as_str()).await?;
    let entries = store::actions(&mut tx, after, after + WINDOW).await?;
    let head = store::head(&mut tx).await?.seq;
    let seen = Seen::of(class, &entries, before(cx.now(), kept));
    let end = seen.until.unwrap_or_else(|| head.min(after + WINDOW));
    if end <= after {
        return Ok(false);
    }
    let due = Ranges::of(seen.due);
    if let Some((first, last)) = due.ends() {
        for (first, last) in due.iter() {
            store::delete_entries(&mut tx, first, last).await?;
        }
        let statement =
            Statement::Removal { class: class.as_str().to_owned(), seqs: due.to_string(), at: cx.now() };
        store::insert_removal(&mut tx, class.as_str(), (first, last), &app.notary.sign(&statement)).await?;
    }
    store::save_swept(&mut tx, class.as_str(), end).await?;
    tx.commit().await?;
    Ok(seen.until.is_none() && end == after + WINDOW)
}

/// What a look at some entries found.
struct Seen {
    /// The entries of the class that are old enough.
    due: Vec<i64>,
    /// The last seq before the first one that is not; none when all are.
    until: Option<i64>,
}

// === impl Seen ===

impl Seen {
    fn of(class: Class, entries: &[(i64, String, Timestamp)], limit: Timestamp) -> Self {
        let of_class = || entries.iter().filter(|(_, action, _)| Class::of(action) == class);
        let young = of_class().find(|(_, _, at)| *at >= limit).map(|(seq, _, _)| *seq);
        let old = of_class().map(|(seq, _, _)| *seq).take_while(|seq| Some(*seq) != young);
        Self { due: old.collect(), until: young.map(|seq| seq - 1) }
    }
}

/// Takes away the links of the next window of the beginning if none of its entries has contents any more. Returns
/// whether there may be more.
pub(crate) async fn cut(app: &App, cx: &Cx) -> Result<bool> {
    let mut tx = app.db.write_relaxed("the lock on the row of the cut puts those who do it in a row").await?;
    store::lock_swept(&mut tx, CUT).await?;
    let head = store::head(&mut tx).await?.seq;
    let first = store::first_entry(&mut tx).await?.unwrap_or(head + 1);
    let begin = store::cut(&mut tx).await?.map_or(0, |cut| cut.seq);
    let end = begin + WINDOW;
    // The head itself stays, so that the next link hangs on something that is there.
    if end >= first.min(head) {
        return Ok(false);
    }
    let Some((place, previous)) = walk_over(app, &mut tx, begin, end).await? else { return Ok(false) };
    let signed = app.notary.sign(&Statement::Cut { place, at: cx.now(), previous });
    store::save_cut(&mut tx, end, &signed).await?;
    store::delete_links(&mut tx, end).await?;
    tx.commit().await?;
    Ok(true)
}

/// The place after a window whose links all hold, and the name of the last checkpoint before it. What does not hold
/// stays where it is: it is evidence.
async fn walk_over(app: &App, tx: &mut Tx, begin: i64, end: i64) -> Result<Option<(Place, String)>> {
    let (start, mut previous) = match store::cut(tx).await? {
        None => (Place::default(), String::new()),
        Some(cut) => match app.notary.open(&cut.signed) {
            Some(Statement::Cut { place, previous, .. }) if place.seq == begin => (place, previous),
            _ => return Ok(broken(begin)),
        },
    };
    let mut removed = Ranges::default();
    for removal in store::removals_between(tx, begin, end).await? {
        match app.notary.open(&removal.signed) {
            Some(Statement::Removal { seqs, .. }) => removed.extend(Ranges::parse(&seqs).unwrap_or_default()),
            _ => return Ok(broken(removal.first_seq)),
        }
    }
    let mut walk = Walk::from(&start);
    for linked in store::links(tx, begin, end, WINDOW).await? {
        let is_removed = removed.contains(linked.link.seq);
        if walk.step(&linked.link, linked.content.as_ref(), is_removed).is_err() {
            return Ok(broken(linked.link.seq));
        }
    }
    for checkpoint in store::checkpoints_between(tx, begin, end).await? {
        match app.notary.open(&checkpoint.signed) {
            Some(Statement::Checkpoint { previous: before, .. }) if before == previous => {
                previous = name(&checkpoint.signed.statement);
            }
            _ => return Ok(broken(checkpoint.seq)),
        }
    }
    Ok((walk.reached().seq == end).then(|| (walk.place(), previous)))
}

fn broken<T>(seq: i64) -> Option<T> {
    tracing::error!(
        seq,
        "the audit trail does not hold; nothing of it is taken away. Run denizen audit verify"
    );
    None
}
