//! Secrets kept by AWS, asked of a server that checks signatures and headers and speaks the protocol.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use denizen_kit::config::Settings;
use denizen_storage::{Aws, AwsConfig, AwsError, Secret};
use http::StatusCode;
use serde_json::{Value, json};

use crate::sigv4::{Account, check};

/// 32 bytes in base64, and what stands for them wrapped.
const PLAIN: &str = "dGVzdHMgb25seTogMzIgYnl0ZXMgb2YgYSBrZXkgISE=";
const WRAPPED: &str = "d3JhcHBlZA==";

/// Status and body of an answer; none means silence.
type Answer = Option<(u16, Value)>;

#[derive(Clone, Default)]
struct Fake {
    /// The next answers, instead of good ones.
    next: Arc<Mutex<VecDeque<Answer>>>,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let header = |name: &str| {
        parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let target = header("x-amz-target");
    let service = match target.split('.').next().unwrap() {
        "secretsmanager" => "secretsmanager",
        "AmazonSSM" => "ssm",
        _ => "kms",
    };
    let region = if String::from_utf8_lossy(&body).contains("arn:aws:secretsmanager:eu-other-2") {
        "eu-other-2"
    } else {
        "eu-test-1"
    };
    let account = Account { key_id: "AKIATEST", secret: "wJalrXUtnFEMI", region, service };
    if let Err(reason) = check(&account, &parts.method, &parts.uri, &parts.headers, &body) {
        return (
            StatusCode::BAD_REQUEST,
            axum::Json(json!({ "__type": "InvalidSignatureException", "message": reason })),
        )
            .into_response();
    }
    assert_eq!(header("content-type"), "application/x-amz-json-1.1");
    let body: Value = serde_json::from_slice(&body).unwrap();
    fake.seen.lock().unwrap().push((target.clone(), body.clone()));
    let next = fake.next.lock().unwrap().pop_front();
    match next {
        Some(Some((status, body))) => {
            return (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response();
        }
        Some(None) => return std::future::pending().await,
        None => {}
    }
    good(&target, &body)
}

/// The answer when nothing is wrong.
fn good(target: &str, body: &Value) -> Response {
    let context = json!({ "denizen": "master-key" });
    let good = match target {
        "secretsmanager.GetSecretValue" => {
            json!({ "SecretString": format!("secret of {}", body["SecretId"].as_str().unwrap()) })
        }
        "AmazonSSM.GetParameter" if body["WithDecryption"] == true => {
            json!({ "Parameter": { "Value": "parameter" } })
        }
        "TrentService.GenerateDataKey"
            if body["EncryptionContext"] == context && body["KeySpec"] == "AES_256" =>
        {
            json!({ "Plaintext": PLAIN, "CiphertextBlob": WRAPPED })
        }
        "TrentService.Decrypt"
            if body["CiphertextBlob"] == WRAPPED && body["EncryptionContext"] == context =>
        {
            json!({ "Plaintext": PLAIN })
        }
        _ => {
            return (
                StatusCode::BAD_REQUEST,
                axum::Json(json!({ "__type": "com.amazonaws.kms#InvalidCiphertextException" })),
            )
                .into_response();
        }
    };
    axum::Json(good).into_response()
}

async fn start() -> (Fake, Aws) {
    let fake = Fake::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(answer).with_state(fake.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (fake, Aws::new(&config(address, "wJalrXUtnFEMI")).unwrap())
}

fn empty() -> AwsConfig {
    AwsConfig::read(&mut Settings::load("", []))
}

fn config(address: SocketAddr, secret: &str) -> AwsConfig {
    AwsConfig {
        region: Some("eu-test-1".to_owned()),
        access_key: Some("AKIATEST".to_owned()),
        secret_key: Some(Secret::new(secret)),
        endpoint: Some(format!("http://{address}")),
        timeout: Duration::from_millis(400),
        ..empty()
    }
}

#[tokio::test]
async fn secrets_parameters_and_keys() {
    let (fake, aws) = start().await;
    assert_eq!(aws.secret("prod/db").await.unwrap(), "secret of prod/db");
    let arn = "arn:aws:secretsmanager:eu-other-2:1:secret:x";
    assert_eq!(
        aws.secret(arn).await.unwrap(),
        format!("secret of {arn}"),
        "asked for and signed in its own region"
    );
    assert_eq!(aws.parameter("/prod/key").await.unwrap(), "parameter");
    let (plain, wrapped) = aws.generate_key("alias/denizen").await.unwrap();
    assert_eq!((plain.len(), wrapped.as_str()), (32, WRAPPED));
    assert_eq!(aws.decrypt(&wrapped, true).await.unwrap(), plain);
    let seen = fake.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[2].1, json!({ "Name": "/prod/key", "WithDecryption": true }));
}

#[tokio::test]
async fn refusals_say_what_the_service_says_and_are_not_repeated() {
    let (fake, aws) = start().await;
    let refusal = |code: &str| Some((400, json!({ "__type": code, "message": "no such thing" })));
    fake.next.lock().unwrap().push_back(refusal("ResourceNotFoundException"));
    let error = aws.secret("prod/db").await.unwrap_err();
    assert!(
        matches!(&error, AwsError::Refused { code, .. } if code == "ResourceNotFoundException"),
        "{error}"
    );
    assert!(error.to_string().contains("no such thing"));
    let error = aws.decrypt(WRAPPED, false).await.unwrap_err();
    assert!(
        matches!(&error, AwsError::Refused { code, .. } if code == "InvalidCiphertextException"),
        "{error}"
    );
    assert_eq!(fake.seen.lock().unwrap().len(), 2);

    fake.next.lock().unwrap().push_back(Some((200, json!({ "SecretBinary": "AAAA" }))));
    assert!(matches!(aws.secret("binary").await, Err(AwsError::Unexpected { .. })));
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_not_shown() {
    let (fake, _) = start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(answer).with_state(fake);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let error = Aws::new(&config(address, "another-one")).unwrap().secret("prod/db").await.unwrap_err();
    assert!(
        matches!(&error, AwsError::Refused { code, .. } if code == "InvalidSignatureException"),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("another-one"));
}

#[tokio::test]
async fn what_fails_for_a_moment_is_tried_again() {
    let (fake, aws) = start().await;
    let busy = [Some((500, json!({}))), Some((400, json!({ "__type": "ThrottlingException" })))];
    fake.next.lock().unwrap().extend(busy);
    assert_eq!(aws.parameter("/a").await.unwrap(), "parameter");
    fake.next.lock().unwrap().extend(vec![Some((503, json!({ "message": "down" }))); 10]);
    let error = aws.parameter("/a").await.unwrap_err();
    assert!(matches!(error, AwsError::Unreachable { .. }) && error.to_string().contains("503"), "{error}");
    assert_eq!(fake.seen.lock().unwrap().len(), 6, "three tries each");
}

#[tokio::test]
async fn silence_ends() {
    let (fake, aws) = start().await;
    fake.next.lock().unwrap().extend(vec![None; 10]);
    let started = Instant::now();
    assert!(matches!(aws.secret("a").await, Err(AwsError::Unreachable { .. })));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn without_a_region_it_says_so() {
    assert!(matches!(Aws::new(&empty()), Err(AwsError::NoRegion)));
}
