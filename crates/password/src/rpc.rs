//! The contracts of password: decode, op, encode.

mod blocks;
mod records;
mod transfer;

use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::otp::v1::Channel;
use denizen_rpc::password::internal::v1::credentials_server::{Credentials, CredentialsServer};
use denizen_rpc::password::internal::v1::ip_block_feed_server::IpBlockFeedServer;
use denizen_rpc::password::internal::v1::password_records_server::PasswordRecordsServer;
use denizen_rpc::password::internal::v1::transfer_server::TransferServer;
use denizen_rpc::password::internal::v1::{
    DropCredentialRequest, DropCredentialResponse, IssueResetRequest, IssueResetResponse,
    PutCredentialRequest, PutCredentialResponse, VerifyCredentialRequest, VerifyCredentialResponse,
};
use denizen_rpc::password::v1::ip_blocks_server::IpBlocksServer;
use denizen_rpc::password::v1::password_administration_server::PasswordAdministrationServer;
use denizen_rpc::password::v1::passwords_server::{Passwords, PasswordsServer};
use denizen_rpc::password::v1::{
    ChangePasswordRequest, ChangePasswordResponse, CheckStrengthRequest, CheckStrengthResponse,
    ForgotPasswordRequest, ForgotPasswordResponse, ResetPasswordRequest, ResetPasswordResponse,
    forgot_password_request, reset_password_request,
};
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;
use tonic::service::RoutesBuilder;
use uuid::Uuid;

use crate::App;
use crate::model::{By, ResetRequest, Via};
use crate::ops::{self, NewSecret, ResetProof, Tried};

struct PasswordsService(Arc<App>);
struct CredentialsService(Arc<App>);

/// Adds both contracts.
pub(crate) fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    routes.add_service(PasswordsServer::new(PasswordsService(app.clone())));
    routes.add_service(CredentialsServer::new(CredentialsService(app.clone())));
    routes.add_service(PasswordRecordsServer::new(records::RecordsService(app.clone())));
    routes.add_service(IpBlocksServer::new(blocks::IpBlocksService(app.clone())));
    routes.add_service(IpBlockFeedServer::new(blocks::IpBlockFeedService(app.clone())));
    routes.add_service(PasswordAdministrationServer::new(blocks::AdministrationService(app.clone())));
    routes.add_service(TransferServer::new(transfer::TransferService(app.clone())));
}

#[tonic::async_trait]
impl Passwords for PasswordsService {
    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Reply<ChangePasswordResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = decode::id(&request.user_id)?;
            ops::change_password(app, &cx, user_id, &request.current_password, &request.new_password).await?;
            Ok(ChangePasswordResponse {})
        })
        .await
    }

    async fn forgot_password(
        &self,
        request: Request<ForgotPasswordRequest>,
    ) -> Reply<ForgotPasswordResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let wanted = reset_request(request)?;
            let kept = app.db.run_once(&cx, "password.ForgotPassword", || async {
                ops::forgot_password(app, &cx, &wanted).await?;
                Ok(ForgotPasswordResponse {})
            });
            let answer = kept.await?;
            app.requested.notify_one();
            Ok(answer)
        })
        .await
    }

    async fn reset_password(&self, request: Request<ResetPasswordRequest>) -> Reply<ResetPasswordResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let proof = reset_proof(request.proof)?;
            ops::reset_password(app, &cx, &proof, &request.new_password).await?;
            Ok(ResetPasswordResponse {})
        })
        .await
    }

    async fn check_strength(&self, request: Request<CheckStrengthRequest>) -> Reply<CheckStrengthResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let (rating, faults) = ops::check_strength(app, &cx, &request.password, request.context).await?;
            Ok(CheckStrengthResponse {
                score: rating.score.into(),
                acceptable: faults.is_empty(),
                problems: faults.iter().map(|fault| fault.code().to_owned()).collect(),
                warning: rating.warning,
                suggestions: rating.suggestions,
            })
        })
        .await
    }
}

#[tonic::async_trait]
impl Credentials for CredentialsService {
    async fn put_credential(&self, request: Request<PutCredentialRequest>) -> Reply<PutCredentialResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = decode::id(&request.user_id)?;
            ops::put_credential(app, &cx, user_id, &new_secret(request)?).await?;
            Ok(PutCredentialResponse {})
        })
        .await
    }

    async fn verify_credential(
        &self,
        request: Request<VerifyCredentialRequest>,
    ) -> Reply<VerifyCredentialResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let tried = Tried {
                user_id: decode::optional_id(&request.user_id)?,
                password: request.password,
                identifier_key: request.identifier_key,
                source: request.source,
            };
            Ok(VerifyCredentialResponse { valid: ops::verify_credential(app, &cx, &tried).await? })
        })
        .await
    }

    async fn issue_reset(&self, request: Request<IssueResetRequest>) -> Reply<IssueResetResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = decode::id(&request.user_id)?;
            let issue_id = Uuid::parse_str(&request.issue_id)
                .map_err(|_| Problem::malformed("issue_id must be the id of a message"))?;
            let by_mail = request.channel() == Channel::Email;
            let (token, expires_at) = ops::issue_reset(app, &cx, user_id, (issue_id, by_mail)).await?;
            Ok(IssueResetResponse { token, expires_at: Some(decode::to_wire(expires_at)) })
        })
        .await
    }

    async fn drop_credential(
        &self,
        request: Request<DropCredentialRequest>,
    ) -> Reply<DropCredentialResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::drop_credential(app, &cx, decode::id(&request.user_id)?).await?;
            Ok(DropCredentialResponse {})
        })
        .await
    }
}

// --- decode

fn reset_request(request: ForgotPasswordRequest) -> Result<ResetRequest, Problem> {
    use forgot_password_request::By as Wire;
    let via =
        Via::parse(&request.via).ok_or_else(|| Problem::invalid("/via", "unknown", "via is link or otp"))?;
    let (by, identifier) = match request.by {
        Some(Wire::Identifier(text)) => (By::Identifier, text),
        Some(Wire::Email(text)) => (By::Email, text),
        Some(Wire::Username(text)) => (By::Username, text),
        Some(Wire::Mobile(text)) => (By::Mobile, text),
        None => return Err(Problem::invalid("/email", "required", "give one of email, username and mobile")),
    };
    Ok(ResetRequest { by, identifier: identifier.trim().to_owned(), via })
}

fn reset_proof(proof: Option<reset_password_request::Proof>) -> Result<ResetProof, Problem> {
    use reset_password_request::Proof as Wire;
    match proof {
        Some(Wire::Token(token)) => Ok(ResetProof::Token(token)),
        Some(Wire::Code(code)) => {
            Ok(ResetProof::Code { identifier: code.identifier.trim().to_owned(), code: code.code })
        }
        None => Err(Problem::invalid("/token", "required", "give token, or identifier and code")),
    }
}

fn new_secret(request: PutCredentialRequest) -> Result<NewSecret, Problem> {
    match (request.password.is_empty(), request.password_hash.is_empty()) {
        (_, true) => Ok(NewSecret::Password { text: request.password, context: request.context }),
        (true, false) => Ok(NewSecret::Hash(request.password_hash)),
        (false, false) => {
            let detail = "give password or password_hash, not both";
            Err(Problem::invalid("/password_hash", "not_allowed", detail))
        }
    }
}
