//! What a caller wants, once its fields are acceptable.

use denizen_kit::problem::{Code, Problem};
use denizen_rpc::auth::v1::{LoginRequest, LoginWithOtpRequest, OtpProof, StepUpRequest, step_up_request};
use denizen_rpc::auth::v1::{login_request, login_with_otp_request};
use denizen_rpc::users::internal::v1::lookup_request;

use crate::error::Error;

/// Longest identifier, in characters: an e-mail address has at most 320 (RFC 3696, §3).
const MAX_IDENTIFIER: usize = 320;

/// Longest password that is handed on to be checked, in bytes.
const MAX_PASSWORD: usize = 1024;

/// Longest code, in bytes; what is longer was never sent.
pub(crate) const MAX_CODE: usize = 64;

/// A login by password.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PasswordLogin {
    pub(crate) by: lookup_request::By,
    pub(crate) password: String,
}

/// A login by code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodeLogin {
    pub(crate) otp_id: String,
    pub(crate) code: String,
}

/// A login that is completed by its second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChallengeLogin {
    pub(crate) challenge: String,
    pub(crate) code: String,
}

/// A login by a one-time password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OtpLogin {
    /// The second factor, after the password.
    Challenge(ChallengeLogin),
    /// A code alone.
    Code(CodeLogin),
}

/// The proof of a step-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StepUpProof {
    Password(String),
    Code(CodeLogin),
}

// === impl PasswordLogin ===

impl PasswordLogin {
    /// Reads the request; every field that is not acceptable is told at once.
    pub(crate) fn read(request: LoginRequest) -> Result<Self, Problem> {
        use login_request::By;
        let (pointer, text) = match &request.by {
            None => ("/identifier", ""),
            Some(By::Identifier(text)) => ("/identifier", text.as_str()),
            Some(By::Email(text)) => ("/email", text.as_str()),
            Some(By::Username(text)) => ("/username", text.as_str()),
            Some(By::Mobile(text)) => ("/mobile", text.as_str()),
        };
        let mut fields = Fields::default();
        if text.trim().is_empty() {
            fields.add(
                pointer,
                "required",
                "say who logs in: an e-mail address, a user name or a mobile number",
            );
        } else if text.chars().count() > MAX_IDENTIFIER {
            fields.add(pointer, "too_long", "an identifier has at most 320 characters");
        }
        fields.check_password(&request.password);
        fields.finish()?;
        let by = match request.by {
            Some(By::Email(text)) => lookup_request::By::Email(text),
            Some(By::Username(text)) => lookup_request::By::Username(text),
            Some(By::Mobile(text)) => lookup_request::By::Mobile(text),
            Some(By::Identifier(text)) => lookup_request::By::Identifier(text),
            None => lookup_request::By::Identifier(String::new()),
        };
        Ok(Self { by, password: request.password })
    }
}

// === impl CodeLogin ===

impl CodeLogin {
    fn new(otp_id: String, code: String) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        if otp_id.is_empty() {
            fields.add("/otp_id", "required", "send the otp_id that came with the code");
        }
        if code.is_empty() {
            fields.add("/code", "required", "send the code that was sent to you");
        }
        fields.finish()?;
        if code.len() > MAX_CODE || otp_id.len() > MAX_CODE {
            return Err(Error::BadCode.into());
        }
        Ok(Self { otp_id, code })
    }
}

// === impl OtpLogin ===

impl OtpLogin {
    /// Reads the request.
    pub(crate) fn read(request: LoginWithOtpRequest) -> Result<Self, Problem> {
        use login_with_otp_request::Of;
        let code = request.code;
        match request.of {
            Some(Of::Challenge(_)) if code.is_empty() => {
                Err(Problem::invalid("/code", "required", "send the code that was sent to you"))
            }
            Some(Of::Challenge(_)) if code.len() > MAX_CODE => Err(Error::BadCode.into()),
            Some(Of::Challenge(challenge)) => Ok(Self::Challenge(ChallengeLogin { challenge, code })),
            Some(Of::OtpId(otp_id)) => CodeLogin::new(otp_id, code).map(Self::Code),
            None => CodeLogin::new(String::new(), code).map(Self::Code),
        }
    }
}

// === impl StepUpProof ===

impl StepUpProof {
    /// Reads the request.
    pub(crate) fn read(request: StepUpRequest) -> Result<Self, Problem> {
        use step_up_request::Proof;
        match request.proof {
            Some(Proof::Otp(OtpProof { otp_id, code })) => CodeLogin::new(otp_id, code).map(Self::Code),
            Some(Proof::Password(password)) => {
                let mut fields = Fields::default();
                fields.check_password(&password);
                fields.finish()?;
                Ok(Self::Password(password))
            }
            None => Err(Problem::invalid("/password", "required", "send password, or otp_id and code")),
        }
    }
}

/// The fields that are not acceptable.
#[derive(Debug, Default)]
pub(super) struct Fields(Option<Problem>);

impl Fields {
    pub(super) fn add(&mut self, pointer: &str, code: &str, detail: &str) {
        let problem = self.0.take().unwrap_or_else(|| {
            Problem::new(Code::ValidationFailed, "a field is not acceptable; see errors for each")
        });
        self.0 = Some(problem.with_field(pointer, code, detail));
    }

    fn check_password(&mut self, password: &str) {
        if password.is_empty() {
            self.add("/password", "required", "send the password");
        } else if password.len() > MAX_PASSWORD {
            self.add("/password", "too_long", "a password has at most 1,024 bytes");
        }
    }

    pub(super) fn finish(self) -> Result<(), Problem> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(by: Option<login_request::By>, password: &str) -> Result<PasswordLogin, Vec<(String, String)>> {
        let read = PasswordLogin::read(LoginRequest { by, password: password.to_owned() });
        read.map_err(|problem| problem.fields.into_iter().map(|field| (field.pointer, field.code)).collect())
    }

    fn field(pointer: &str, code: &str) -> (String, String) {
        (pointer.to_owned(), code.to_owned())
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        use login_request::By;
        let both = vec![field("/identifier", "required"), field("/password", "required")];
        assert_eq!(login(None, ""), Err(both));
        assert_eq!(login(Some(By::Email(" ".to_owned())), "x"), Err(vec![field("/email", "required")]));
        let long = login(Some(By::Username("ä".repeat(321))), &"p".repeat(1025));
        assert_eq!(long, Err(vec![field("/username", "too_long"), field("/password", "too_long")]));
        let longest = login(Some(By::Identifier("ä".repeat(320))), &"p".repeat(1024)).unwrap();
        assert_eq!(longest.by, lookup_request::By::Identifier("ä".repeat(320)));
    }

    #[test]
    fn a_kind_of_identifier_is_kept() {
        use login_request::By;
        let read = login(Some(By::Mobile("+4915112345".to_owned())), "x").unwrap();
        assert_eq!(read.by, lookup_request::By::Mobile("+4915112345".to_owned()));
    }

    #[test]
    fn a_challenge_is_told_from_a_code_alone() {
        let of =
            |of| OtpLogin::read(LoginWithOtpRequest { of: Some(of), code: "123456".to_owned() }).unwrap();
        let challenge = of(login_with_otp_request::Of::Challenge("abc".to_owned()));
        assert!(matches!(challenge, OtpLogin::Challenge(login) if login.challenge == "abc"));
        assert!(matches!(of(login_with_otp_request::Of::OtpId("abc".to_owned())), OtpLogin::Code(_)));
    }

    #[test]
    fn a_code_that_was_never_sent_is_wrong_not_malformed() {
        let of = Some(login_with_otp_request::Of::OtpId("x".to_owned()));
        let problem = OtpLogin::read(LoginWithOtpRequest { of, code: "1".repeat(65) }).unwrap_err();
        assert_eq!(problem.code, Code::CodeInvalid);
        let problem = OtpLogin::read(LoginWithOtpRequest { of: None, code: String::new() }).unwrap_err();
        assert_eq!(problem.fields.len(), 2);
    }
}
