//! The contract of second factors: decode, operation, encode.

use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::auth::v1 as p;
use denizen_rpc::auth::v1::factors_server::Factors;
use denizen_rpc::otp::v1::Channel as WireChannel;
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::model::{Channel, MAX_CODE, RecoveryCode};
use crate::{App, Error, ops};

/// The operations on second factors.
pub(crate) struct FactorsService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl Factors for FactorsService {
    async fn get_factor(&self, request: Request<p::GetFactorRequest>) -> Reply<p::Factor> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::get_factor(app, &cx, decode::id(&request.user_id)?).await?)
        })
        .await
    }

    async fn put_factor(&self, request: Request<p::PutFactorRequest>) -> Reply<p::PendingFactor> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = decode::id(&request.user_id)?;
            let channel = channel(request.channel())?;
            Ok(ops::put_factor(app, &cx, user_id, channel, request.password).await?)
        })
        .await
    }

    async fn confirm_factor(&self, request: Request<p::ConfirmFactorRequest>) -> Reply<p::RecoveryCodes> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = decode::id(&request.user_id)?;
            if request.code.len() > MAX_CODE {
                return Err(Error::BadCode.into());
            }
            Ok(codes(&ops::confirm_factor(app, &cx, user_id, request.code).await?))
        })
        .await
    }

    async fn remove_factor(
        &self,
        request: Request<p::RemoveFactorRequest>,
    ) -> Reply<p::RemoveFactorResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::remove_factor(app, &cx, decode::id(&request.user_id)?, request.password).await?;
            Ok(p::RemoveFactorResponse {})
        })
        .await
    }

    async fn renew_recovery_codes(
        &self,
        request: Request<p::RenewRecoveryCodesRequest>,
    ) -> Reply<p::RecoveryCodes> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let user_id = decode::id(&request.user_id)?;
            Ok(codes(&ops::renew_recovery_codes(app, &cx, user_id, request.password).await?))
        })
        .await
    }

    async fn resend_challenge(&self, request: Request<p::ResendChallengeRequest>) -> Reply<p::Challenge> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            Ok(ops::resend_challenge(app, &cx, &request.challenge).await?)
        })
        .await
    }
}

fn channel(wire: WireChannel) -> Result<Channel, Problem> {
    let detail = "say how the codes shall come: email or sms";
    Channel::from_wire(wire).ok_or_else(|| Problem::invalid("/channel", "required", detail))
}

fn codes(codes: &[RecoveryCode]) -> p::RecoveryCodes {
    p::RecoveryCodes { codes: codes.iter().map(RecoveryCode::to_text).collect() }
}
