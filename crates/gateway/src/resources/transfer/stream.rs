//! The rows of an import, taken while the file comes: 500 at a time and a few such parts at once, so that a file of any
//! length needs the memory of those.

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use denizen_kit::problem::{Code, Problem};
use denizen_rpc::problem_from;
use denizen_rpc::users::v1 as wire;
use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use tokio::task::{JoinError, JoinHandle};

use super::view::Row;
use crate::faces::ctx::Ctx;
use crate::listen::pace;
use crate::records::{Broken, Splitter};

/// Records of one call.
const BATCH: usize = 500;

/// Calls under way at a time.
const AHEAD: usize = 3;

/// A call that is under way, whether or not its answer is looked for now.
type Call = JoinHandle<Result<Vec<Row>, Problem>>;

/// A file that is being taken.
pub(super) struct Upload {
    ctx: Ctx,
    body: BodyDataStream,
    /// None when the file has ended.
    splitter: Option<Splitter>,
    /// Records that wait to be sent.
    records: Vec<String>,
    /// What is the same for each call; `first_row` is the number of the first record that waits.
    request: wire::ImportUsersRequest,
    calls: FuturesOrdered<Call>,
    /// Why the file cannot be read on: told after what became of the rows before.
    broken: Option<Problem>,
}

// === impl Upload ===

impl Upload {
    pub(super) fn new(ctx: Ctx, body: Body, splitter: Splitter, request: wire::ImportUsersRequest) -> Self {
        let request = wire::ImportUsersRequest { first_row: 1, ..request };
        Self {
            ctx,
            body: body.into_data_stream(),
            splitter: Some(splitter),
            records: Vec::new(),
            request,
            calls: FuturesOrdered::new(),
            broken: None,
        }
    }

    /// What became of the next rows; none when all are done.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Row>>, Problem> {
        loop {
            while self.calls.len() < AHEAD && self.has_part() {
                let rest = self.records.split_off(self.records.len().min(BATCH));
                let records = std::mem::replace(&mut self.records, rest);
                self.send(records).await?;
            }
            if self.calls.len() == AHEAD || self.splitter.is_none() {
                return match self.calls.next().await {
                    Some(ended) => rows_of(ended),
                    None => self.broken.take().map_or(Ok(None), Err),
                };
            }
            // A client may wait for word on what it has sent before it sends more.
            let part = tokio::select! {
                biased;
                Some(ended) = self.calls.next() => return rows_of(ended),
                part = self.body.next() => part,
            };
            if let Err(problem) = self.take_in(part) {
                self.records.clear();
                self.broken = Some(problem);
            }
        }
    }

    /// Whether there is enough for a call: so many records, or the last ones of the file.
    fn has_part(&self) -> bool {
        self.records.len() >= BATCH || (self.splitter.is_none() && !self.records.is_empty())
    }

    async fn send(&mut self, records: Vec<String>) -> Result<(), Problem> {
        let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
        let request = wire::ImportUsersRequest { records, ..self.request.clone() };
        self.request.first_row += count;
        let mut transfer = self.ctx.renewed().await?.transfer();
        self.calls.push_back(tokio::spawn(async move {
            let answer = transfer.import_users(request).await.map_err(problem_from)?;
            Ok(answer.into_inner().rows.into_iter().map(Row::of).collect())
        }));
        Ok(())
    }

    /// Takes the next part of the file in, or notes its end.
    fn take_in(&mut self, part: Option<Result<Bytes, axum::Error>>) -> Result<(), Problem> {
        let Some(mut splitter) = self.splitter.take() else { return Ok(()) };
        let broken = |broken: Broken| Problem::malformed(broken.to_string());
        match part {
            None => splitter.finish(&mut self.records).map_err(broken),
            Some(Ok(bytes)) => {
                splitter.push(&bytes, &mut self.records).map_err(broken)?;
                self.splitter = Some(splitter);
                Ok(())
            }
            Some(Err(error)) if pace::is_too_slow(&error) => {
                Err(Problem::new(Code::Timeout, self.how_to_go_on("came too slowly")))
            }
            Some(Err(_broken_off)) => Err(Problem::malformed(self.how_to_go_on("broke off"))),
        }
    }

    /// An import without a name of its own has one that its sender may not know.
    fn how_to_go_on(&self, what: &str) -> String {
        format!("the file {what}; send it again with import_id={}, and it goes on", self.request.import_id)
    }
}

/// What became of the rows of a call.
fn rows_of(ended: Result<Result<Vec<Row>, Problem>, JoinError>) -> Result<Option<Vec<Row>>, Problem> {
    ended.map_err(|_panicked| Problem::of(Code::Internal))?.map(Some)
}
