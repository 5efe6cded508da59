//! Calls whose messages are bytes to gRPC: what the generated clients and servers share.
//!
//! tonic's own generated code makes the whole machinery of a call anew for each pair of messages. Here it is made once,
//! for [`Bytes`], and a method adds no more than its encoding and decoding.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use bytes::{Buf as _, BufMut as _, Bytes};
use futures::{Stream, StreamExt as _};
use http::uri::PathAndQuery;
use prost::Message;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::Peer;

/// What a server answers in the end.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// What a method answers in the end.
type Outcome<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

/// The messages that a method sends, as bytes.
pub(crate) type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

// --- clients

/// Calls a method that answers one message.
pub(crate) async fn unary<M, R>(peer: Peer, path: &'static str, message: M) -> Result<Response<R>, Status>
where
    M: Message,
    R: Message + Default,
{
    let answer = call(peer, path, Bytes::from(message.encode_to_vec())).await?;
    let (metadata, bytes, extensions) = answer.into_parts();
    Ok(Response::from_parts(metadata, decode(bytes)?, extensions))
}

async fn call(peer: Peer, path: &'static str, message: Bytes) -> Result<Response<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(peer);
    client.ready().await?;
    client.unary(Request::new(message), PathAndQuery::from_static(path), Raw).await
}

/// Calls a method that answers many messages. There are few of these.
pub(crate) async fn stream<M, R>(
    peer: Peer,
    path: &'static str,
    message: M,
) -> Result<Response<Streaming<R>>, Status>
where
    M: Message + 'static,
    R: Message + Default + 'static,
{
    let mut client = tonic::client::Grpc::new(peer);
    client.ready().await?;
    let codec = ProstCodec::<M, R>::default();
    client.server_streaming(Request::new(message), PathAndQuery::from_static(path), codec).await
}

// --- servers

/// Answers a call by a method of bytes that gives one message.
pub(crate) fn answer<F>(limit: Option<usize>, request: http::Request<Body>, method: F) -> Answer
where
    F: FnMut(Request<Bytes>) -> Outcome<Bytes> + Send + 'static,
{
    Box::pin(answer_unary(limit, request, One(Box::new(method))))
}

async fn answer_unary(
    limit: Option<usize>,
    request: http::Request<Body>,
    method: One,
) -> Result<http::Response<Body>, Infallible> {
    let mut server = tonic::server::Grpc::new(Raw).apply_max_message_size_config(limit, None);
    Ok(server.unary(method, request).await)
}

/// Answers a call by a method of bytes that gives many messages.
pub(crate) fn answer_stream<F>(limit: Option<usize>, request: http::Request<Body>, method: F) -> Answer
where
    F: FnMut(Request<Bytes>) -> Outcome<Messages> + Send + 'static,
{
    let method = Many(Box::new(method));
    Box::pin(async move {
        let mut server = tonic::server::Grpc::new(Raw).apply_max_message_size_config(limit, None);
        Ok(server.server_streaming(method, request).await)
    })
}

/// The answer to a call of a method that the service has not.
pub(crate) fn unimplemented() -> Answer {
    Box::pin(async { Ok(Status::unimplemented("the service has no such method").into_http()) })
}

/// The message of a call.
pub(crate) fn decode_request<M: Message + Default>(request: Request<Bytes>) -> Result<Request<M>, Status> {
    let (metadata, extensions, bytes) = request.into_parts();
    Ok(Request::from_parts(metadata, extensions, decode(bytes)?))
}

/// An answer of one message, as bytes.
pub(crate) fn encode<R: Message>(response: Response<R>) -> Response<Bytes> {
    response.map(|message| Bytes::from(message.encode_to_vec()))
}

/// An answer of many messages, as bytes.
pub(crate) fn encode_stream<R, S>(response: Response<S>) -> Response<Messages>
where
    R: Message,
    S: Stream<Item = Result<R, Status>> + Send + 'static,
{
    let bytes =
        |messages: S| messages.map(|message| message.map(|message| Bytes::from(message.encode_to_vec())));
    response.map(|messages| -> Messages { Box::pin(bytes(messages)) })
}

fn decode<M: Message + Default>(bytes: Bytes) -> Result<M, Status> {
    M::decode(bytes).map_err(|error| Status::internal(format!("a message cannot be read: {error}")))
}

/// A method of a service that gives one message.
struct One(Box<dyn FnMut(Request<Bytes>) -> Outcome<Bytes> + Send>);

/// A method of a service that gives many messages.
struct Many(Box<dyn FnMut(Request<Bytes>) -> Outcome<Messages> + Send>);

// === impl One ===

impl UnaryService<Bytes> for One {
    type Response = Bytes;
    type Future = Outcome<Bytes>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        (self.0)(request)
    }
}

// === impl Many ===

impl ServerStreamingService<Bytes> for Many {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = Outcome<Messages>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        (self.0)(request)
    }
}

/// Messages as they are: bytes.
#[derive(Clone, Copy, Debug)]
struct Raw;

// === impl Raw ===

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
