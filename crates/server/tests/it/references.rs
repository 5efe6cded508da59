//! Secrets that the settings name instead of holding, from starting the program to using them. That requests are signed
//! right is proved where they are signed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use axum::Json;
use axum::body::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::process::{Finished, command, run, variable};

/// 32 bytes in base64, and what stands for them wrapped.
const PLAIN: &str = "dGVzdHMgb25seTogMzIgYnl0ZXMgb2YgYSBrZXkgISE=";
const WRAPPED: &str = "d3JhcHBlZA==";
const ARN: &str = "aws-kms:arn:aws:kms:eu-test-1:1:key/k";

/// The same under another key of KMS.
const OTHER_PLAIN: &str = "b3RoZXI6IDMyIGJ5dGVzIG9mIGEga2V5IG9mIHRlc3Q=";
const OTHER_WRAPPED: &str = "b3RoZXI=";
const OTHER_ARN: &str = "aws-kms:arn:aws:kms:eu-test-1:1:key/other";

async fn answer(headers: HeaderMap, body: Bytes) -> (StatusCode, Json<Value>) {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap();
    let ours = !body["EncryptionContext"].is_null();
    let good = match (target, body["SecretId"].as_str().or(body["Name"].as_str())) {
        ("secretsmanager.GetSecretValue", Some("prod")) => {
            json!({ "SecretString": json!({ "key": PLAIN, "number": 7 }).to_string() })
        }
        ("AmazonSSM.GetParameter", Some("/prod/admin")) => {
            json!({ "Parameter": { "Value": "hush-hush hush" } })
        }
        ("TrentService.GenerateDataKey", _)
            if ours && OTHER_ARN.ends_with(body["KeyId"].as_str().unwrap()) =>
        {
            json!({ "Plaintext": OTHER_PLAIN, "CiphertextBlob": OTHER_WRAPPED })
        }
        ("TrentService.Decrypt", _) if body["CiphertextBlob"] == OTHER_WRAPPED => {
            json!({ "Plaintext": OTHER_PLAIN })
        }
        ("TrentService.GenerateDataKey", _) if ours => {
            json!({ "Plaintext": PLAIN, "CiphertextBlob": WRAPPED })
        }
        ("TrentService.Decrypt", _) if body["CiphertextBlob"] == WRAPPED => json!({ "Plaintext": PLAIN }),
        _ => {
            return (
                StatusCode::BAD_REQUEST,
                Json(json!({ "__type": "NotThereException", "message": "no such" })),
            );
        }
    };
    (StatusCode::OK, Json(good))
}

/// Runs the program with settings, beside a server that stands for AWS.
async fn told(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Finished {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let serving =
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    let mut command: Command = command(folder, arguments);
    command
        .env("AWS_REGION", "eu-test-1")
        .env("AWS_ACCESS_KEY_ID", "AKIATEST")
        .env("AWS_SECRET_ACCESS_KEY", "s3cr3t");
    command.env(variable("aws.endpoint"), endpoint);
    command.envs(settings.iter().map(|(key, value)| (variable(key), value)));
    let finished = tokio::task::spawn_blocking(move || run(command, "")).await.unwrap();
    serving.abort();
    finished
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_fetched_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("master_key", "aws-sm:prod#key"),
        ("admin.email", "a@example.test"),
        ("admin.password", "aws-ssm:/prod/admin"),
    ];
    told(folder.path(), &["config", "check"], &settings).await.expect(0);
    let shown = told(folder.path(), &["config", "explain"], &settings).await.expect(0);
    assert!(shown.out.contains("master_key = (set)  [aws-sm:prod#key]"), "{}", shown.out);
    for secret in [PLAIN, "hush-hush", "s3cr3t"] {
        assert!(!shown.out.contains(secret) && !shown.err.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_cannot_be_fetched_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("master_key", "aws-sm:nothing"),
        ("services.shared_key", "aws-sm:prod#number"),
        ("admin.password", "aws-kms:d3JhcHBlZA=="),
        ("aws.secret_key", "aws-ssm:/prod/admin"),
    ];
    let refused = told(folder.path(), &["config", "check"], &settings).await.expect(1);
    for part in [
        "master_key: secretsmanager refuses with NotThereException: no such",
        "services.shared_key: the secret prod has no text in the field number",
        "admin.password: only master_key can be wrapped by KMS",
        "aws.secret_key: what is needed to ask AWS cannot be kept there",
    ] {
        assert!(refused.err.contains(part), "{part} in {}", refused.err);
    }
    let hidden = told(folder.path(), &["config", "check"], &[("log", "aws-ssm:/prod/admin")]).await.expect(1);
    assert!(hidden.err.contains("log: this is no secret") && !hidden.err.contains("hush"), "{}", hidden.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_is_wrapped_at_the_first_start_and_unwrapped_at_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("denizen-data/master.key.kms");
    told(folder.path(), &["config", "check"], &[("master_key", ARN), ("roles", "users")]).await.expect(1);
    assert!(!file.exists(), "one process of several makes none");
    for _ in 0..2 {
        told(folder.path(), &["migrate"], &[("master_key", ARN)]).await.expect(0);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), WRAPPED);
    }
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.path().join("denizen-data/master.key").exists(), "nothing unwrapped lies on the disk");
    told(folder.path(), &["config", "check"], &[("master_key", "aws-kms:d3JhcHBlZA==")]).await.expect(0);
    let other = told(folder.path(), &["config", "check"], &[("master_key", "aws-kms:AAAA")]).await.expect(1);
    assert!(other.err.contains("master_key: kms refuses"), "{}", other.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_wrapped_by_kms_is_changed_by_one_command() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("denizen-data/master.key.kms");
    told(folder.path(), &["migrate"], &[("master_key", ARN)]).await.expect(0);
    // Naming the next key makes none: only the command does.
    let next = [("master_key", ARN), ("master_key_new", OTHER_ARN)];
    told(folder.path(), &["config", "check"], &next).await.expect(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), WRAPPED);

    let changed = told(folder.path(), &["keys", "rotate"], &next).await.expect(0);
    assert!(changed.out.contains("nothing is left to do"), "{}", changed.out);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), OTHER_WRAPPED);
    assert!(!file.with_file_name("master.key.kms.new").exists());
    told(folder.path(), &["migrate"], &[("master_key", ARN)]).await.expect(0);
    let refused = told(folder.path(), &["migrate"], &[("master_key", PLAIN)]).await.expect(1);
    assert!(refused.err.contains("opens nothing here"), "{}", refused.err);
    told(folder.path(), &["keys", "status"], &[("master_key", OTHER_PLAIN)]).await.expect(0);

    // Away from KMS: the next key is wrapped by hand, or no secret of KMS at all.
    let away = [("master_key", ARN), ("master_key_new", "aws-kms:d3JhcHBlZA==")];
    told(folder.path(), &["keys", "rotate"], &away).await.expect(0);
    told(folder.path(), &["keys", "retire"], &[("master_key", PLAIN)]).await.expect(0);
    told(folder.path(), &["keys", "status"], &[("master_key", ARN)]).await.expect(1);
}
