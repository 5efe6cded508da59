//! The contract of privacy.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use denizen_kit::problem::Problem;
use denizen_rpc::decode::{id, limit, to_wire};
use denizen_rpc::users::v1 as wire;
use denizen_rpc::users::v1::privacy_server::Privacy;
use denizen_rpc::{Reply, serve, status_from};
use futures::{Stream, StreamExt as _, stream};
use tonic::{Request, Status};

use crate::App;
use crate::model::Reason;
use crate::model::consent::{self, Consent};
use crate::ops::privacy as ops;
use crate::ops::privacy::erase_user::Wish;
use crate::store::consents::Change;

/// Bytes of one message of a download.
const CHUNK: usize = 256 << 10;

/// A stream of answers.
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(super) struct PrivacyService(pub(super) Arc<App>);

#[tonic::async_trait]
impl Privacy for PrivacyService {
    async fn erase_user(&self, request: Request<wire::EraseUserRequest>) -> Reply<wire::EraseUserResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let reason = request.reason.as_deref().map(Reason::parse).transpose();
            let reason = reason.map_err(|detail| Problem::invalid("/reason", "invalid", detail))?;
            let wish = Wish { password: request.password, reason };
            let certificate = ops::erase_user::erase_user(app, &cx, id(&request.user_id)?, &wish).await?;
            Ok(wire::EraseUserResponse { certificate: certificate.text, signature: certificate.signature })
        })
        .await
    }

    async fn get_certificate_keys(
        &self,
        request: Request<wire::GetCertificateKeysRequest>,
    ) -> Reply<wire::GetCertificateKeysResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |_, _| {
            let signer = app.keys.certificates();
            let key = wire::CertificateKey { kid: signer.kid(), public_key: signer.public_key().to_vec() };
            Ok(wire::GetCertificateKeysResponse { keys: vec![key] })
        })
        .await
    }

    async fn list_consents(
        &self,
        request: Request<wire::ListConsentsRequest>,
    ) -> Reply<wire::ListConsentsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let found = ops::list_consents::list_consents(app, &cx, id(&request.user_id)?).await?;
            Ok(consents(&found))
        })
        .await
    }

    async fn set_consents(
        &self,
        request: Request<wire::SetConsentsRequest>,
    ) -> Reply<wire::ListConsentsResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let read = |consent: &wire::Consent| {
                consent::Wish::parse(&consent.purpose, consent.granted, &consent.version).map_err(|detail| {
                    Problem::invalid(&format!("/{}", pointer(&consent.purpose)), "invalid", detail)
                })
            };
            let wishes = request.consents.iter().map(read).collect::<Result<Vec<_>, Problem>>()?;
            Ok(ops::set_consents::set_consents(app, &cx, id(&request.user_id)?, &wishes).await?)
        })
        .await
    }

    async fn list_consent_changes(
        &self,
        request: Request<wire::ListConsentChangesRequest>,
    ) -> Reply<wire::ListConsentChangesResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let (user_id, limit) = (id(&request.user_id)?, limit(request.limit)?);
            let listed = ops::list_consents::list_changes(app, &cx, user_id, limit, &request.cursor).await?;
            let changes = listed.0.iter().map(change).collect();
            Ok(wire::ListConsentChangesResponse { changes, next_cursor: listed.1 })
        })
        .await
    }

    async fn start_export(&self, request: Request<wire::StartExportRequest>) -> Reply<wire::Export> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = id(&request.user_id)?;
            Ok(ops::start_export::start_export(app, &cx, user_id, request.password.as_deref()).await?)
        })
        .await
    }

    async fn get_export(&self, request: Request<wire::GetExportRequest>) -> Reply<wire::Export> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let (user_id, export_id) = (id(&request.user_id)?, id(&request.export_id)?);
            Ok(ops::get_export::get_export(app, &cx, user_id, export_id).await?)
        })
        .await
    }

    type DownloadExportStream = Answers<wire::ExportChunk>;

    async fn download_export(
        &self,
        request: Request<wire::DownloadExportRequest>,
    ) -> Reply<Self::DownloadExportStream> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let (user_id, export_id) = (id(&request.user_id)?, id(&request.export_id)?);
            let archive =
                ops::download_export::download_export(app, &cx, user_id, export_id, &request.token).await?;
            let chunks: Self::DownloadExportStream = Box::pin(stream::iter(chunks(&archive)));
            Ok(chunks)
        })
        .await
    }

    async fn set_restriction(
        &self,
        request: Request<wire::SetRestrictionRequest>,
    ) -> Reply<wire::Restriction> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = id(&request.user_id)?;
            Ok(ops::set_restriction::set_restriction(app, &cx, user_id, request.restricted).await?)
        })
        .await
    }

    async fn get_restriction(
        &self,
        request: Request<wire::GetRestrictionRequest>,
    ) -> Reply<wire::Restriction> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::set_restriction::get_restriction(app, &cx, id(&request.user_id)?).await?)
        })
        .await
    }

    type PseudonymiseStream = Answers<wire::PseudonymisedAccounts>;

    async fn pseudonymise(
        &self,
        request: Request<wire::PseudonymiseRequest>,
    ) -> Reply<Self::PseudonymiseStream> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, _| {
            let pages = ops::pseudonymise::pseudonymise(app, &cx).await?;
            let answers: Self::PseudonymiseStream = Box::pin(pages.map(|page| {
                let items = page.map_err(|error| status_from(error.into()))?;
                Ok(wire::PseudonymisedAccounts { items })
            }));
            Ok(answers)
        })
        .await
    }
}

fn chunks(archive: &Bytes) -> Vec<Result<wire::ExportChunk, Status>> {
    archive.chunks(CHUNK).map(|data| Ok(wire::ExportChunk { data: data.to_vec() })).collect()
}

/// A name as part of a JSON pointer (RFC 6901).
fn pointer(name: &str) -> String {
    name.chars().take(64).collect::<String>().replace('~', "~0").replace('/', "~1")
}

fn one(consent: &Consent) -> wire::Consent {
    let consent::Wish { purpose, granted, version } = consent.wish.clone();
    wire::Consent { purpose, granted, version, at: Some(to_wire(consent.at)) }
}

/// Consents as they go out.
pub(crate) fn consents(list: &[Consent]) -> wire::ListConsentsResponse {
    wire::ListConsentsResponse { consents: list.iter().map(one).collect() }
}

fn change(change: &Change) -> wire::ConsentChange {
    wire::ConsentChange { consent: Some(one(&change.consent)), by: change.by.clone() }
}
