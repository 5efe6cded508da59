//! gRPC through the gateway, over HTTP/2 without TLS on both sides.

use denizen_rpc::users::internal::v1::access_server::{Access, AccessServer};
use denizen_rpc::users::internal::v1::{
    AccessState, CheckAccessRequest, CheckAccessResponse, WatchAccessRequest,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::uri::PathAndQuery;
use tokio::net::TcpListener;
use tonic::client::Grpc;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::hall::start;
use crate::setting::config;
use crate::upstreams::route;

/// A service that tells what it was asked.
struct Told;

#[tonic::async_trait]
impl Access for Told {
    type WatchAccessStream = BoxStream<'static, Result<AccessState, Status>>;

    async fn watch_access(
        &self,
        _: Request<WatchAccessRequest>,
    ) -> Result<Response<Self::WatchAccessStream>, Status> {
        let states = (0..3).map(|turn| Ok(AccessState { changed: turn == 2, ..AccessState::default() }));
        let end = Err(Status::resource_exhausted("three are enough"));
        Ok(Response::new(stream::iter(states.chain([end])).boxed()))
    }

    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        let user_id = request.get_ref().user_id.clone();
        if user_id.is_empty() {
            return Err(Status::not_found("nobody has this name"));
        }
        let header = |name: &str| {
            let value = request.metadata().get(name);
            value.map_or("none", |value| value.to_str().unwrap()).to_owned()
        };
        let roles = vec![user_id, header("x-from"), header("x-denizen-user"), header("grpc-timeout")];
        Ok(Response::new(CheckAccessResponse { roles, permissions: 0 }))
    }
}

/// A client that is not this system's own.
struct Client(Grpc<Channel>);

impl Client {
    async fn check_access(
        &mut self,
        ask: Request<CheckAccessRequest>,
    ) -> Result<CheckAccessResponse, Status> {
        self.0.ready().await.unwrap();
        let path = PathAndQuery::from_static("/denizen.users.internal.v1.Access/CheckAccess");
        Ok(self.0.unary(ask, path, ProstCodec::default()).await?.into_inner())
    }

    async fn watch_access(&mut self) -> Result<Streaming<AccessState>, Status> {
        self.0.ready().await.unwrap();
        let path = PathAndQuery::from_static("/denizen.users.internal.v1.Access/WatchAccess");
        let ask = Request::new(WatchAccessRequest::default());
        Ok(self.0.server_streaming(ask, path, ProstCodec::default()).await?.into_inner())
    }
}

#[tokio::test]
async fn calls_and_streams_come_back_with_their_status() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!(
        "[[gateway.upstreams]]\nname = \"shop\"\ntargets = [{{ url = \"http://{}\" }}]\nprotocol = \"http2\"\n",
        listener.local_addr().unwrap()
    );
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder().add_service(AccessServer::new(Told));
    tokio::spawn(server.serve_with_incoming(incoming));
    let path = "/denizen.users.internal.v1.Access/{*rest}";
    let (address, tasks, _) = start(config(&(upstream + &route(path, "auth = \"none\"")))).await;
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let mut client = Client(Grpc::new(channel));

    let mut ask = Request::new(CheckAccessRequest { user_id: "ada".to_owned() });
    for (name, value) in [("x-from", "test"), ("x-denizen-user", "root")] {
        ask.metadata_mut().insert(name, value.parse().unwrap());
    }
    let told = client.check_access(ask).await.unwrap();
    assert_eq!(told.roles, ["ada", "test", "none", "10000m"]);

    let refused = client.check_access(Request::new(CheckAccessRequest::default())).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "nobody has this name"));

    let mut states = client.watch_access().await.unwrap();
    for changed in [false, false, true] {
        let state = states.message().await.unwrap().unwrap();
        assert_eq!(state.changed, changed);
    }
    let end = states.message().await.unwrap_err();
    assert_eq!((end.code(), end.message()), (Code::ResourceExhausted, "three are enough"));
    tasks.stop().await;
}
