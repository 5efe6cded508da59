//! One order at the ACME server, from the account to the certificate.

use std::time::Duration;

use denizen_kit::time::{Timestamp, after};
use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, CertificateIdentifier, ChallengeType,
    ExternalAccountKey, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};

use super::store::Pair;
use super::{Acme, Challenge, ORDER, proof};

/// How the server is asked whether it has looked, or signed: from half a second on, ever less often.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).timeout(Duration::from_secs(90));

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Server(#[from] instant_acme::Error),
    #[error(transparent)]
    Database(#[from] denizen_db::Error),
    #[error("the credentials of the account cannot be read: {0}")]
    Credentials(#[from] serde_json::Error),
    #[error("the key of the external account is no base64url")]
    ExternalKey,
    #[error("the server does not offer {0:?}; set gateway.acme.challenge to the other one")]
    NotOffered(Challenge),
    #[error("the server could not verify the name: {0}")]
    Unproved(String),
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[from] denizen_tls::BadTls),
    #[error("it took too long")]
    Slow,
}

// === impl Failure ===

impl Failure {
    /// Whether the server does not know our account (any more): then the next try makes a new one.
    pub(super) fn is_without_account(&self) -> bool {
        let Self::Server(instant_acme::Error::Api(problem)) = self else { return false };
        problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:accountDoesNotExist")
    }
}

// === impl Acme ===

impl Acme {
    /// The account at the server: the one that is kept, or a new one.
    pub(super) async fn account(&self) -> Result<Account, Failure> {
        let directory = &self.config.directory;
        let builder = Account::builder_with_http(Box::new(self.http.clone()));
        if let Some(kept) = self.store.account(directory).await? {
            return Ok(builder.from_credentials(serde_json::from_str(&kept)?).await?);
        }
        let external = match &self.config.external_account {
            None => None,
            Some((id, key)) => Some(external_account(id, key)?),
        };
        let contact: Vec<String> = self.config.email.iter().map(|email| format!("mailto:{email}")).collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder.create(&new, directory.clone(), external.as_ref()).await?;
        let text = serde_json::to_string(&credentials)?;
        self.store.keep_account(directory, &text, self.clock.now()).await?;
        Ok(account)
    }

    /// A certificate of a name. The proof is kept for as long as the order may take.
    pub(super) async fn order(&self, name: &str) -> Result<Pair, Failure> {
        let mut laid_out: Vec<String> = Vec::new();
        let outcome = self.attempt(name, &mut laid_out).await;
        for subject in laid_out {
            self.store.drop_proofs(&subject, self.clock.now()).await?;
        }
        outcome
    }

    async fn attempt(&self, name: &str, laid_out: &mut Vec<String>) -> Result<Pair, Failure> {
        let account = self.account().await?;
        let identifiers = [Identifier::Dns(name.to_owned())];
        let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            self.prove(authorization?, name, laid_out).await?;
        }
        self.finish(&mut order, name).await
    }

    /// Lays out the proof, notes what it is kept under, and tells the server to look; unless it believes already.
    async fn prove(
        &self,
        mut authorization: AuthorizationHandle<'_>,
        name: &str,
        laid_out: &mut Vec<String>,
    ) -> Result<(), Failure> {
        if authorization.status == AuthorizationStatus::Valid {
            return Ok(());
        }
        let (wanted, kind) = match self.config.challenge {
            Challenge::Http01 => (ChallengeType::Http01, proof::HTTP),
            Challenge::TlsAlpn01 => (ChallengeType::TlsAlpn01, proof::TLS),
        };
        let Some(mut challenge) = authorization.challenge(wanted) else {
            return Err(Failure::NotOffered(self.config.challenge));
        };
        let subject = match self.config.challenge {
            Challenge::Http01 => challenge.token.clone(),
            Challenge::TlsAlpn01 => name.to_owned(),
        };
        let answer = challenge.key_authorization();
        let ends_at = after(self.clock.now(), ORDER);
        self.store.put_proof((kind, &subject), answer.as_str(), ends_at).await?;
        laid_out.push(subject);
        challenge.set_ready().await?;
        Ok(())
    }

    async fn finish(&self, order: &mut instant_acme::Order, name: &str) -> Result<Pair, Failure> {
        if order.poll_ready(&PATIENCE).await? != OrderStatus::Ready {
            return Err(Failure::Unproved(reason(order).await));
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&PATIENCE).await?;
        Ok(Pair { name: name.to_owned(), chain, key })
    }

    /// When the server wants a certificate renewed, and when it wants to be asked again (RFC 9773). None when it has no
    /// opinion.
    pub(super) async fn wish(
        &self,
        certificate: &denizen_tls::Certificate,
    ) -> Result<Option<(Timestamp, Timestamp, Duration)>, Failure> {
        let account = self.account().await?;
        let Some(leaf) = certificate.certified.cert.first() else { return Ok(None) };
        let Ok(id) = CertificateIdentifier::try_from(leaf) else { return Ok(None) };
        match account.renewal_info(&id).await {
            Ok((info, again)) => {
                let moment = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
                let window = &info.suggested_window;
                let start = moment(window.start.unix_timestamp());
                Ok(Some((start, moment(window.end.unix_timestamp()), again)))
            }
            Err(instant_acme::Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn external_account(id: &str, key: &str) -> Result<ExternalAccountKey, Failure> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key = URL_SAFE_NO_PAD.decode(key.trim_end_matches('=')).map_err(|_| Failure::ExternalKey)?;
    Ok(ExternalAccountKey::new(id.to_owned(), &key))
}

/// What the server says of the challenge that it does not believe.
async fn reason(order: &mut instant_acme::Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        let problem = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            return problem.to_string();
        }
    }
    "it does not say why".to_owned()
}
