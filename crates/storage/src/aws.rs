//! Secrets kept by AWS: Secrets Manager, Parameter Store, and the Key Management Service. Requests are signed (`SigV4`)
//! and sent by the client that also speaks S3.
//!
//! Not proven against the vendor: the tests run against a server that checks signatures and speaks the protocol.

mod identity;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{HttpClient, HttpConnector as _, HttpRequest, ReqwestConnector};
use serde_json::{Value, json};
use thiserror::Error;

pub use identity::AwsConfig;

/// How often a request that failed for a while is sent.
const TRIES: u32 = 3;

/// The first wait before another try; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// What KMS binds to a master key that it wraps.
const CONTEXT: &str = "master-key";

/// Why a secret could not be fetched.
#[derive(Debug, Error)]
pub enum AwsError {
    /// Nobody said in which region.
    #[error("aws.region must be set (AWS_REGION), such as eu-central-1")]
    NoRegion,
    /// The settings make no client.
    #[error("the settings under aws. cannot be used: {0}")]
    Setting(String),
    /// There are no credentials.
    #[error("no AWS credentials: set aws.access_key and aws.secret_key, or give the machine a role ({0})")]
    NoCredentials(String),
    /// The service refuses.
    #[error("{service} refuses with {code}: {message}")]
    Refused {
        /// The service.
        service: &'static str,
        /// Its word for it.
        code: String,
        /// Its explanation.
        message: String,
    },
    /// The service cannot be reached, or fails.
    #[error("{service} cannot be reached or fails: {reason}")]
    Unreachable {
        /// The service.
        service: &'static str,
        /// What happened last.
        reason: String,
    },
    /// The answer is not what the service promises.
    #[error("{service} answered without {field}")]
    Unexpected {
        /// The service.
        service: &'static str,
        /// What is missing.
        field: &'static str,
    },
}

/// A client of the services that keep secrets.
#[derive(Clone, Debug)]
pub struct Aws {
    http: HttpClient,
    credentials: AwsCredentialProvider,
    region: String,
    endpoint: Option<String>,
}

// === impl Aws ===

impl Aws {
    /// A client with these settings.
    pub fn new(config: &AwsConfig) -> Result<Self, AwsError> {
        let region = config.region.clone().ok_or(AwsError::NoRegion)?;
        let setting = |error: object_store::Error| AwsError::Setting(error.to_string());
        // The bucket is never asked for: its builder is the way to the client's chain of credentials.
        let builder = AmazonS3Builder::new().with_bucket_name("none").with_region(&region);
        let credentials = config.identity(builder).build().map_err(setting)?.credentials().clone();
        let plain = config.endpoint.as_deref().is_some_and(|url| url.starts_with("http://"));
        let options = ClientOptions::new()
            .with_allow_http(plain)
            .with_timeout(config.timeout)
            .with_connect_timeout(config.timeout);
        let http = ReqwestConnector::default().connect(&options).map_err(setting)?;
        let endpoint = config.endpoint.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        Ok(Self { http, credentials, region, endpoint })
    }

    /// A secret of Secrets Manager, by name or ARN.
    pub async fn secret(&self, id: &str) -> Result<String, AwsError> {
        let call = Call {
            service: "secretsmanager",
            target: "secretsmanager.GetSecretValue",
            region: arn_region(id),
        };
        let answer = self.call(call, &json!({ "SecretId": id })).await?;
        call.text(&answer, &["SecretString"], "SecretString (binary secrets are not taken)")
    }

    /// A parameter of Parameter Store, decrypted.
    pub async fn parameter(&self, name: &str) -> Result<String, AwsError> {
        let call = Call { service: "ssm", target: "AmazonSSM.GetParameter", region: arn_region(name) };
        let answer = self.call(call, &json!({ "Name": name, "WithDecryption": true })).await?;
        call.text(&answer, &["Parameter", "Value"], "Parameter.Value")
    }

    /// What a key of KMS has wrapped, in base64 as it came. `ours`: it was made by [`Aws::generate_key`].
    pub async fn decrypt(&self, wrapped: &str, ours: bool) -> Result<Vec<u8>, AwsError> {
        let call = Call { service: "kms", target: "TrentService.Decrypt", region: None };
        let mut body = json!({ "CiphertextBlob": wrapped });
        if ours {
            body["EncryptionContext"] = json!({ "denizen": CONTEXT });
        }
        let answer = self.call(call, &body).await?;
        call.bytes(&answer, "Plaintext")
    }

    /// A new key of 32 bytes and the same wrapped by a key of KMS, in base64.
    pub async fn generate_key(&self, key_id: &str) -> Result<(Vec<u8>, String), AwsError> {
        let call =
            Call { service: "kms", target: "TrentService.GenerateDataKey", region: arn_region(key_id) };
        let body =
            json!({ "KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": { "denizen": CONTEXT } });
        let answer = self.call(call, &body).await?;
        Ok((call.bytes(&answer, "Plaintext")?, call.text(&answer, &["CiphertextBlob"], "CiphertextBlob")?))
    }

    /// Sends a request until it is answered for good, or was sent often enough.
    async fn call(&self, call: Call<'_>, body: &Value) -> Result<Value, AwsError> {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match self.send(call, body).await {
                Err(AwsError::Unreachable { .. }) => tokio::time::sleep(wait).await,
                answered => return answered,
            }
            wait *= 2;
        }
        self.send(call, body).await
    }

    async fn send(&self, call: Call<'_>, body: &Value) -> Result<Value, AwsError> {
        let unreachable = |error: &dyn std::fmt::Display| AwsError::Unreachable {
            service: call.service,
            reason: error.to_string(),
        };
        let credential = self.credentials.get_credential().await;
        let credential = credential.map_err(|error| AwsError::NoCredentials(error.to_string()))?;
        let region = call.region.unwrap_or(&self.region);
        let host = match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://{}.{region}.amazonaws.com", call.service),
        };
        let request = http::Request::post(format!("{host}/"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", call.target)
            .body(Bytes::from(body.to_string()).into());
        let mut request: HttpRequest = request.map_err(|error| AwsError::Setting(error.to_string()))?;
        let signed = AwsAuthorizer::new(&credential, call.service, region).try_authorize(&mut request, None);
        signed.map_err(|error| AwsError::Setting(error.to_string()))?;
        let answer = self.http.execute(request).await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let bytes = answer.into_body().bytes().await.map_err(|error| unreachable(&error))?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| unreachable(&error));
        }
        Err(call.failure(status, &serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

/// One operation of one service.
#[derive(Clone, Copy, Debug)]
struct Call<'a> {
    service: &'static str,
    target: &'static str,
    region: Option<&'a str>,
}

// === impl Call ===

impl Call<'_> {
    fn text(&self, answer: &Value, path: &[&str], field: &'static str) -> Result<String, AwsError> {
        let found = path.iter().try_fold(answer, |value, name| value.get(name)).and_then(Value::as_str);
        found.map(str::to_owned).ok_or(AwsError::Unexpected { service: self.service, field })
    }

    fn bytes(&self, answer: &Value, field: &'static str) -> Result<Vec<u8>, AwsError> {
        let text = self.text(answer, &[field], field)?;
        STANDARD.decode(text).map_err(|_| AwsError::Unexpected { service: self.service, field })
    }

    /// What a status other than success says: to be tried again, or a refusal with its code.
    fn failure(&self, status: http::StatusCode, answer: &Value) -> AwsError {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
        // The code may come with a namespace before it (AWS JSON 1.1 protocol, "Operation error serialization").
        let code = text("__type").rsplit('#').next().unwrap_or_default().to_owned();
        let message = [text("message"), text("Message")].concat();
        if status.is_server_error() || status.as_u16() == 429 || code.contains("Throttl") {
            return AwsError::Unreachable {
                service: self.service,
                reason: format!("{status} {code} {message}"),
            };
        }
        AwsError::Refused {
            service: self.service,
            code: if code.is_empty() { status.to_string() } else { code },
            message,
        }
    }
}

/// The region that an ARN names: what is kept in another region than the usual is asked for there.
fn arn_region(name: &str) -> Option<&str> {
    name.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}
