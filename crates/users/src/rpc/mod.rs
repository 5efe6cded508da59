//! The contracts of users: decode → op → encode.

mod administration;
pub(crate) mod cursor;
mod decode;
mod directory;
mod encode;
mod privacy;
mod profiles;
mod transfer;
mod users;

use std::sync::Arc;

use denizen_rpc::users::internal::v1::access_server::AccessServer;
use denizen_rpc::users::internal::v1::directory_server::DirectoryServer;
use denizen_rpc::users::v1::administration_server::AdministrationServer;
use denizen_rpc::users::v1::privacy_server::PrivacyServer;
use denizen_rpc::users::v1::transfer_server::TransferServer;
use denizen_rpc::users::v1::users_server::UsersServer;
use tonic::service::RoutesBuilder;

use crate::App;

pub(crate) use administration::{built_in_role, custom_role};
pub(crate) use encode::encode;
pub(crate) use privacy::consents;

pub(crate) fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    routes.add_service(UsersServer::new(users::UsersService(app.clone())));
    routes.add_service(TransferServer::new(transfer::TransferService(app.clone())));
    routes.add_service(profiles::server(app));
    routes.add_service(PrivacyServer::new(privacy::PrivacyService(app.clone())));
    routes.add_service(AdministrationServer::new(administration::AdministrationService(app.clone())));
    routes.add_service(AccessServer::new(administration::AccessService(app.clone())));
    routes.add_service(DirectoryServer::new(directory::DirectoryService(app.clone())));
}
