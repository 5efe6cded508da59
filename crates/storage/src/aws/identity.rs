//! Who one is at AWS, and where: the settings under `aws.`.

use std::time::Duration;

use denizen_kit::config::{Settings, parse_duration};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use crate::config::Secret;

/// How long one request may take when nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Who one is at AWS, and where.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// Region of secrets and keys.
    pub region: Option<String>,
    /// Id of the access key; none means the role of the machine.
    pub access_key: Option<String>,
    /// The access key's secret.
    pub secret_key: Option<Secret>,
    /// Token of a temporary key.
    pub session_token: Option<Secret>,
    /// File with the token of a web identity (a role of a Kubernetes service account).
    pub web_identity_token_file: Option<String>,
    /// The role of that identity.
    pub role_arn: Option<String>,
    /// Where a container asks for its role's key.
    pub container_credentials: Option<String>,
    /// Address that stands for the vendor's.
    pub endpoint: Option<String>,
    /// How long one request may take; it is sent three times at most.
    pub timeout: Duration,
}

// === impl AwsConfig ===

impl AwsConfig {
    /// Reads `aws.*`.
    pub fn read(settings: &mut Settings) -> Self {
        let mut text = |key, meaning| settings.text(key, "", meaning);
        let region = text("aws.region", "AWS region of secrets, keys and buckets (AWS_REGION is read too)");
        let access_key = text(
            "aws.access_key",
            "Id of an AWS access key (AWS_ACCESS_KEY_ID is read too); without it the role of the machine counts",
        );
        let web_identity_token_file = text(
            "aws.web_identity_token_file",
            "File with the token of a Kubernetes service account that has a role (AWS_WEB_IDENTITY_TOKEN_FILE is read too)",
        );
        let role_arn = text("aws.role_arn", "The role of that service account (AWS_ROLE_ARN is read too)");
        let container_credentials = text(
            "aws.container_credentials",
            "Where a container asks for the key of its role (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is read too)",
        );
        let endpoint =
            text("aws.endpoint", "Address that stands for the vendor's, for tests and private endpoints");
        let secret_key =
            settings.secret("aws.secret_key", "Secret of the key (AWS_SECRET_ACCESS_KEY is read too)");
        let session_token =
            settings.secret("aws.session_token", "Token of a temporary key (AWS_SESSION_TOKEN is read too)");
        Self {
            region,
            access_key,
            secret_key: secret_key.map(Secret::new),
            session_token: session_token.map(Secret::new),
            web_identity_token_file,
            role_arn,
            container_credentials,
            endpoint,
            timeout: settings.duration(
                "aws.timeout",
                "5s",
                "How long one request for a secret may take; there are three tries",
            ),
        }
    }

    /// The same before the settings are read, so that their secrets can be fetched. What is wrong shows when they are.
    pub fn peek(settings: &Settings) -> Self {
        let given = |key| settings.given(key).filter(|value| !value.is_empty()).map(str::to_owned);
        Self {
            region: given("aws.region"),
            access_key: given("aws.access_key"),
            secret_key: given("aws.secret_key").map(Secret::new),
            session_token: given("aws.session_token").map(Secret::new),
            web_identity_token_file: given("aws.web_identity_token_file"),
            role_arn: given("aws.role_arn"),
            container_credentials: given("aws.container_credentials"),
            endpoint: given("aws.endpoint"),
            timeout: given("aws.timeout").and_then(|text| parse_duration(&text).ok()).unwrap_or(TIMEOUT),
        }
    }

    /// Who one is, as the client knows it: by key, service account, container or machine, the first that is there.
    pub(crate) fn identity(&self, mut builder: AmazonS3Builder) -> AmazonS3Builder {
        if let (Some(id), Some(secret)) = (&self.access_key, &self.secret_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose());
            return match &self.session_token {
                Some(token) => builder.with_token(token.expose()),
                None => builder,
            };
        }
        let given = [
            (AmazonS3ConfigKey::WebIdentityTokenFile, &self.web_identity_token_file),
            (AmazonS3ConfigKey::RoleArn, &self.role_arn),
            (AmazonS3ConfigKey::ContainerCredentialsRelativeUri, &self.container_credentials),
        ];
        for (key, value) in given {
            if let Some(value) = value {
                builder = builder.with_config(key, value);
            }
        }
        builder
    }
}
