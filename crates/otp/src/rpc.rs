//! The contracts of otp: decode, op, encode.

mod records;

use std::sync::Arc;

use denizen_kit::problem::Problem;
use denizen_rpc::otp::internal::v1::codes_server::{Codes, CodesServer};
use denizen_rpc::otp::internal::v1::otp_records_server::OtpRecordsServer;
use denizen_rpc::otp::internal::v1::{
    ConsumeRequest, ConsumeResponse, IssueRequest, IssueResponse, LookRequest, consume_request,
};
use denizen_rpc::otp::v1::otp_server::{Otp, OtpServer};
use denizen_rpc::otp::v1::{
    self as wire, SendOtpRequest, SendOtpResponse, ValidateOtpRequest, ValidateOtpResponse,
};
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;
use tonic::service::RoutesBuilder;

use crate::App;
use crate::model::{Channel, Purpose};
use crate::ops::{self, IssueWish, Issued, Proof, Proved, Recipient, SendWish, Sent};

struct OtpService(Arc<App>);
struct CodesService(Arc<App>);

/// Adds both contracts.
pub(crate) fn add_routes(app: &Arc<App>, routes: &mut RoutesBuilder) {
    routes.add_service(OtpServer::new(OtpService(app.clone())));
    routes.add_service(OtpRecordsServer::new(records::RecordsService(app.clone())));
    routes.add_service(CodesServer::new(CodesService(app.clone())));
}

#[tonic::async_trait]
impl Otp for OtpService {
    async fn send_otp(&self, request: Request<SendOtpRequest>) -> Reply<SendOtpResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let wish = send_wish(&request)?;
            app.db
                .run_once(&cx, "otp.SendOtp", || async { Ok(ops::send_otp(app, &cx, &wish).await?.into()) })
                .await
        })
        .await
    }

    async fn validate_otp(&self, request: Request<ValidateOtpRequest>) -> Reply<ValidateOtpResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            ops::validate_otp(app, &cx, request.otp_id.parse().ok(), &request.code).await?;
            Ok(ValidateOtpResponse { valid: true })
        })
        .await
    }
}

#[tonic::async_trait]
impl Codes for CodesService {
    async fn issue(&self, request: Request<IssueRequest>) -> Reply<IssueResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let wish = issue_wish(request)?;
            Ok(ops::issue(app, &cx, &wish).await?.map(Into::into).unwrap_or_default())
        })
        .await
    }

    async fn consume(&self, request: Request<ConsumeRequest>) -> Reply<ConsumeResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let purpose = purpose(request.purpose()).ok_or_else(no_purpose)?;
            let Some(proof) = proof(request.proof)? else { return Ok(ConsumeResponse::default()) };
            let redeem = || async { Ok(ops::consume(app, &cx, purpose, &proof).await?) };
            Ok(app.db.run(&cx, redeem).await?.map(Into::into).unwrap_or_default())
        })
        .await
    }

    async fn look(&self, request: Request<LookRequest>) -> Reply<ConsumeResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let purpose = purpose(request.purpose()).ok_or_else(no_purpose)?;
            Ok(ops::look(app, &cx, purpose, &request.token).await?.map(Into::into).unwrap_or_default())
        })
        .await
    }
}

// --- decode

fn send_wish(request: &SendOtpRequest) -> Result<SendWish, Problem> {
    let recipient = match (&request.identifier, &request.user_id) {
        (Some(_), Some(_)) => {
            let detail = "give identifier or user_id, not both";
            return Err(Problem::invalid("/user_id", "not_allowed", detail));
        }
        (Some(identifier), None) => Recipient::Identifier(identifier.clone()),
        (None, Some(user_id)) => Recipient::User(decode::id(user_id)?),
        (None, None) => Recipient::Caller,
    };
    let channel = channel(request.channel)?;
    let purpose = purpose(request.purpose()).filter(|purpose| purpose.can_be_asked_for());
    Ok(SendWish { purpose: purpose.ok_or_else(no_purpose)?, channel, recipient })
}

fn issue_wish(request: IssueRequest) -> Result<IssueWish, Problem> {
    Ok(IssueWish {
        id: decode::id(&request.issue_id)?,
        user_id: decode::optional_id(&request.user_id)?,
        purpose: purpose(request.purpose()),
        channel: channel(request.channel)?,
        target: request.target,
    })
}

fn channel(wire: i32) -> Result<Option<Channel>, Problem> {
    match wire::Channel::try_from(wire) {
        Ok(wire::Channel::Unspecified) => Ok(None),
        Ok(wire::Channel::Email) => Ok(Some(Channel::Email)),
        Ok(wire::Channel::Sms) => Ok(Some(Channel::Sms)),
        Err(_) => Err(Problem::invalid("/channel", "unknown", "channel is email or sms")),
    }
}

/// The proof; none when it cannot be one, which is the same as a wrong one.
fn proof(proof: Option<consume_request::Proof>) -> Result<Option<Proof>, Problem> {
    use consume_request::Proof as Wire;
    match proof {
        None => Err(Problem::malformed("a code or a token is needed")),
        Some(Wire::Token(token)) => Ok(Some(Proof::Token(token))),
        Some(Wire::UserCode(wire)) => {
            Ok(wire.user_id.parse().ok().map(|user_id| Proof::UserCode { user_id, code: wire.code }))
        }
        Some(Wire::IssueCode(wire)) => {
            Ok(wire.otp_id.parse().ok().map(|id| Proof::IssueCode { id, code: wire.code }))
        }
    }
}

fn no_purpose() -> Problem {
    let detail = "purpose is login, password_reset, verify_email, verify_mobile or sensitive_change";
    Problem::invalid("/purpose", "required", detail)
}

const fn purpose(wire: wire::Purpose) -> Option<Purpose> {
    match wire {
        wire::Purpose::Unspecified => None,
        wire::Purpose::Login => Some(Purpose::Login),
        wire::Purpose::PasswordReset => Some(Purpose::PasswordReset),
        wire::Purpose::VerifyEmail => Some(Purpose::VerifyEmail),
        wire::Purpose::VerifyMobile => Some(Purpose::VerifyMobile),
        wire::Purpose::SensitiveChange => Some(Purpose::SensitiveChange),
        wire::Purpose::SecondFactor => Some(Purpose::SecondFactor),
    }
}

// --- encode

const fn purpose_to_wire(purpose: Purpose) -> wire::Purpose {
    match purpose {
        Purpose::Login => wire::Purpose::Login,
        Purpose::PasswordReset => wire::Purpose::PasswordReset,
        Purpose::VerifyEmail => wire::Purpose::VerifyEmail,
        Purpose::VerifyMobile => wire::Purpose::VerifyMobile,
        Purpose::SensitiveChange => wire::Purpose::SensitiveChange,
        Purpose::SecondFactor => wire::Purpose::SecondFactor,
    }
}

const fn channel_to_wire(channel: Channel) -> wire::Channel {
    match channel {
        Channel::Email => wire::Channel::Email,
        Channel::Sms => wire::Channel::Sms,
    }
}

impl From<Sent> for SendOtpResponse {
    fn from(sent: Sent) -> Self {
        Self { otp_id: sent.id.to_string(), expires_at: Some(decode::to_wire(sent.expires_at)) }
    }
}

impl From<Issued> for IssueResponse {
    fn from(issued: Issued) -> Self {
        Self {
            due: true,
            code: issued.code,
            token: issued.token.unwrap_or_default(),
            expires_at: Some(decode::to_wire(issued.expires_at)),
            user_id: issued.user_id.to_string(),
            purpose: purpose_to_wire(issued.purpose).into(),
            channel: channel_to_wire(issued.channel).into(),
        }
    }
}

impl From<Proved> for ConsumeResponse {
    fn from(proved: Proved) -> Self {
        Self {
            valid: true,
            user_id: proved.user_id.to_string(),
            target: proved.target,
            channel: channel_to_wire(proved.channel).into(),
        }
    }
}
