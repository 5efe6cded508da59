//! Bodies on their way to a target and back.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use super::answer::AnswerBody;
use super::replay::Replay;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request to a cluster, or of its answer.
///
/// A whole one is held as it is, any other comes part by part. Nothing is buffered. Dropping the body of an answer
/// ends the request: over HTTP/1 its connection is closed unless the body had ended, over HTTP/2 its stream is reset.
pub struct Body(Inner);

enum Inner {
    Whole(Bytes),
    Stream(UnsyncBoxBody<Bytes, BoxError>),
    Answer(Box<AnswerBody>),
}

/// The body of a request as the connections take it.
pub(crate) enum Outgoing {
    Whole(Bytes),
    Upload(Box<Upload>),
}

/// A body of a request that comes part by part, and how far it is.
pub(crate) struct Upload {
    source: Source,
    progress: Arc<Progress>,
}

enum Source {
    Once(Body),
    Again(Replay),
}

/// How far an upload is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Parts passed on, times two; one more while the client is waited for. All bits: it is done.
    mark: AtomicU64,
    /// What broke on the client's side.
    broken: OnceLock<Arc<dyn std::error::Error + Send + Sync>>,
}

/// An error of the client's side, as the connection gets it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the client's body broke: {0}")]
struct ClientBroke(Arc<dyn std::error::Error + Send + Sync>);

// === impl Body ===

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self(Inner::Whole(Bytes::new()))
    }

    /// A body that comes part by part.
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::empty();
        }
        Self(Inner::Stream(body.map_err(Into::into).boxed_unsync()))
    }

    pub(crate) fn of_answer(body: AnswerBody) -> Self {
        Self(Inner::Answer(Box::new(body)))
    }

    /// The bytes, when they are all there.
    pub fn whole(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Whole(bytes) => Some(bytes),
            Inner::Stream(_) | Inner::Answer(_) => None,
        }
    }

    /// The bytes when they are all there, else the body again.
    pub fn into_whole(self) -> Result<Bytes, Self> {
        match self.0 {
            Inner::Whole(bytes) => Ok(bytes),
            inner => Err(Self(inner)),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Inner::Whole(bytes))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Whole(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Inner::Stream(_) | Inner::Answer(_) => write!(f, "Body(stream)"),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Inner::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Inner::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Inner::Stream(body) => Pin::new(body).poll_frame(cx),
            Inner::Answer(body) => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(bytes) => bytes.is_empty(),
            Inner::Stream(body) => body.is_end_stream(),
            Inner::Answer(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Stream(body) => body.size_hint(),
            Inner::Answer(body) => body.size_hint(),
        }
    }
}

// === impl Outgoing ===

impl Outgoing {
    /// A body that is sent once.
    pub(crate) fn once(body: Body) -> Self {
        match body.into_whole() {
            Ok(bytes) => Self::Whole(bytes),
            Err(body) => Self::upload(Source::Once(body)),
        }
    }

    /// One more run of a body that can be sent again.
    pub(crate) fn again(replay: Replay) -> Self {
        Self::upload(Source::Again(replay))
    }

    fn upload(source: Source) -> Self {
        Self::Upload(Box::new(Upload { source, progress: Arc::default() }))
    }

    /// How far it is; none when it goes out whole.
    pub(crate) fn progress(&self) -> Option<Arc<Progress>> {
        match self {
            Self::Whole(_) => None,
            Self::Upload(upload) => Some(upload.progress.clone()),
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Upload(upload) => upload.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Upload(upload) => match &upload.source {
                Source::Once(body) => body.is_end_stream(),
                Source::Again(replay) => replay.is_end_stream(),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Upload(upload) => match &upload.source {
                Source::Once(body) => body.size_hint(),
                Source::Again(replay) => replay.size_hint(),
            },
        }
    }
}

// === impl Upload ===

impl Upload {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = match &mut self.source {
            Source::Once(body) => Pin::new(body).poll_frame(cx),
            Source::Again(replay) => replay.poll_frame(cx),
        };
        if polled.is_pending() {
            self.progress.wait_for_client();
        }
        let frame = ready!(polled);
        let is_end = match &self.source {
            Source::Once(body) => body.is_end_stream(),
            Source::Again(replay) => replay.is_end_stream(),
        };
        match frame {
            Some(Ok(frame)) => {
                if is_end {
                    self.progress.finish()
                } else {
                    self.progress.advance()
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.progress.finish();
                let cause = self.progress.broken.get_or_init(|| Arc::from(error)).clone();
                Poll::Ready(Some(Err(ClientBroke(cause).into())))
            }
            None => {
                self.progress.finish();
                Poll::Ready(None)
            }
        }
    }
}

// === impl Progress ===

impl Progress {
    /// A number that changes whenever a part goes out.
    pub(crate) fn mark(&self) -> u64 {
        self.mark.load(Ordering::Relaxed)
    }

    /// What broke on the client's side, if something did.
    pub(crate) fn broken(&self) -> Option<Arc<dyn std::error::Error + Send + Sync>> {
        self.broken.get().cloned()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.mark() == u64::MAX
    }

    /// Whether nothing goes on because the client sends nothing.
    pub(crate) fn is_waiting_for_client(&self) -> bool {
        let mark = self.mark();
        mark != u64::MAX && mark & 1 == 1
    }

    fn wait_for_client(&self) {
        self.mark.store(self.mark() | 1, Ordering::Relaxed);
    }

    fn advance(&self) {
        self.mark.store((self.mark() | 1) + 1, Ordering::Relaxed);
    }

    fn finish(&self) {
        self.mark.store(u64::MAX, Ordering::Relaxed);
    }
}
