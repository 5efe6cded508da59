//! The contracts of users: decode → op → encode.

pub(crate) mod cursor;
mod decode;
mod directory;
mod encode;
mod users;

use std::sync::Arc;

use denizen_rpc::users::internal::v1::directory_server::DirectoryServer;
use denizen_rpc::users::v1::users_server::UsersServer;
use tonic::service::RoutesBuilder;

use crate::App;

pub(crate) use encode::encode;

pub(crate) fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    routes.add_service(UsersServer::new(users::UsersService(app.clone())));
    routes.add_service(DirectoryServer::new(directory::DirectoryService(app.clone())));
}
