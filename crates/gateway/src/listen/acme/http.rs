//! HTTPS to the ACME server: with a limit of time, and an ear for how long it wants to be left alone.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use denizen_tls::{BadTls, provider, read_authorities};
use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Longest wait that a server is believed to want.
const LONGEST: u64 = 7 * 24 * 60 * 60;

/// A client of the ACME server.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    /// Seconds that the server wanted to be left alone when it refused last; 0 for not said.
    retry_after: Arc<AtomicU64>,
}

// === impl Http ===

impl Http {
    /// A client that trusts the authorities of the file, or those that everybody knows.
    pub(super) fn new(ca: Option<&Path>) -> Result<Self, BadTls> {
        let connector = match ca {
            None => HttpsConnectorBuilder::new()
                .with_provider_and_webpki_roots(provider())
                .map_err(|error| BadTls::Refused("gateway.acme".to_owned(), error))?,
            Some(path) => {
                let origin = path.display().to_string();
                let pem =
                    std::fs::read(path).map_err(|source| BadTls::File { path: path.to_owned(), source })?;
                let roots = read_authorities(&origin, &pem)?;
                let config = ClientConfig::builder_with_provider(provider())
                    .with_safe_default_protocol_versions()
                    .map_err(|error| BadTls::Refused(origin, error))?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
                HttpsConnectorBuilder::new().with_tls_config(config)
            }
        };
        let client =
            Client::builder(TokioExecutor::new()).build(connector.https_only().enable_http1().build());
        Ok(Self { client, retry_after: Arc::default() })
    }

    /// How long the server wanted to be left alone, if it said so since this was asked last.
    pub(super) fn take_retry_after(&self) -> Duration {
        Duration::from_secs(self.retry_after.swap(0, Ordering::Relaxed).min(LONGEST))
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let (response, retry_after) = (self.client.request(request), self.retry_after.clone());
        Box::pin(async move {
            let response = tokio::time::timeout(LIMIT, response)
                .await
                .map_err(|elapsed| Error::Other(Box::new(elapsed)))?
                .map_err(|error| Error::Other(Box::new(error)))?;
            let refuses =
                matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            let said =
                response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            if let (true, Some(seconds)) = (refuses, said) {
                retry_after.fetch_max(seconds, Ordering::Relaxed);
            }
            Ok(BytesResponse::from(response))
        })
    }
}
