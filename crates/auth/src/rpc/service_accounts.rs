//! The contract of service accounts: decode, operation, encode.

use std::sync::Arc;

use denizen_kit::time::Timestamp;
use denizen_rpc::auth::v1 as p;
use denizen_rpc::auth::v1::service_accounts_server::ServiceAccounts;
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::model::{Secret, ServiceAccount};
use crate::{App, ops};

/// The operations on service accounts.
pub(crate) struct ServiceAccountsService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl ServiceAccounts for ServiceAccountsService {
    async fn create_service_account(
        &self,
        request: Request<p::CreateServiceAccountRequest>,
    ) -> Reply<p::ServiceAccountWithSecret> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let create = async || {
                let made = ops::create_service_account(app, &cx, request.clone()).await?;
                Ok(with_secret(&made, cx.now()))
            };
            app.db.run_once(&cx, "auth.CreateServiceAccount", create).await
        })
        .await
    }

    async fn list_service_accounts(
        &self,
        request: Request<p::ListServiceAccountsRequest>,
    ) -> Reply<p::ListServiceAccountsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let limit = decode::limit(request.limit)?;
            let page = ops::list_service_accounts(app, &cx, limit, &request.cursor).await?;
            let accounts = page.accounts.iter().map(|(account, secrets)| view(account, secrets, cx.now()));
            Ok(p::ListServiceAccountsResponse { accounts: accounts.collect(), next_cursor: page.next_cursor })
        })
        .await
    }

    async fn get_service_account(
        &self,
        request: Request<p::GetServiceAccountRequest>,
    ) -> Reply<p::ServiceAccount> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let id = decode::id(&request.id)?;
            let (account, secrets) = ops::get_service_account(app, &cx, id).await?;
            Ok(view(&account, &secrets, cx.now()))
        })
        .await
    }

    async fn delete_service_account(
        &self,
        request: Request<p::DeleteServiceAccountRequest>,
    ) -> Reply<p::DeleteServiceAccountResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let delete = async || {
                ops::delete_service_account(app, &cx, decode::id(&request.id)?).await?;
                Ok(p::DeleteServiceAccountResponse {})
            };
            let reply = app.db.run_once(&cx, "auth.DeleteServiceAccount", delete).await;
            app.feed.ring();
            reply
        })
        .await
    }

    async fn rotate_service_secret(
        &self,
        request: Request<p::RotateServiceSecretRequest>,
    ) -> Reply<p::ServiceAccountWithSecret> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let rotate = async || {
                let id = decode::id(&request.id)?;
                let made = ops::rotate_service_secret(app, &cx, id, request.overlap).await?;
                Ok(with_secret(&made, cx.now()))
            };
            let reply = app.db.run_once(&cx, "auth.RotateServiceSecret", rotate).await;
            app.feed.ring();
            reply
        })
        .await
    }

    async fn issue_service_token(
        &self,
        request: Request<p::IssueServiceTokenRequest>,
    ) -> Reply<p::ServiceToken> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let (client_id, client_secret) = (request.client_id.trim(), request.client_secret.trim());
            Ok(ops::issue_service_token(app, &cx, client_id, client_secret).await?)
        })
        .await
    }
}

fn with_secret(made: &ops::Made, now: Timestamp) -> p::ServiceAccountWithSecret {
    p::ServiceAccountWithSecret {
        account: Some(view(&made.account, &made.secrets, now)),
        client_secret: made.client_secret.to_text(),
    }
}

fn view(account: &ServiceAccount, secrets: &[Secret], now: Timestamp) -> p::ServiceAccount {
    let secret = |secret: &Secret| p::ServiceSecret {
        id: secret.id.to_string(),
        created_at: Some(decode::to_wire(secret.created_at)),
        expires_at: secret.expires_at.map(decode::to_wire),
    };
    p::ServiceAccount {
        id: account.id.to_string(),
        name: account.name.clone(),
        roles: account.roles.clone(),
        permissions: account.may().names(),
        created_at: Some(decode::to_wire(account.created_at)),
        created_by: account.created_by.clone(),
        last_used_at: account.last_used_at.map(decode::to_wire),
        secrets: secrets.iter().filter(|secret| secret.is_live(now)).map(secret).collect(),
    }
}
