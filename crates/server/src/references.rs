//! Secrets that settings name instead of holding: `aws-sm:`, `aws-ssm:` and, for the master key, `aws-kms:`.

use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use denizen_kit::config::Settings;
use denizen_storage::{Aws, AwsConfig};

use crate::master_key;

/// A secret of Secrets Manager: `aws-sm:name-or-arn`, with `#field` for one field of a JSON secret.
const SECRET: &str = "aws-sm:";

/// A parameter of Parameter Store: `aws-ssm:/name`.
const PARAMETER: &str = "aws-ssm:";

/// A master key wrapped by KMS: `aws-kms:` and the wrapped key in base64, or the ARN of the key that is to wrap one.
pub(crate) const WRAPPED: &str = "aws-kms:";

/// The same with the ARN of the key that is to wrap one.
pub(crate) const ARN: &str = "aws-kms:arn:";

/// File of the data folder in which a wrapped master key is kept.
pub(crate) const FILE: &str = "master.key.kms";

/// The variables under which AWS's own tools are told the same, and our keys.
pub(crate) const VARIABLES: [(&str, &str); 8] = [
    ("AWS_REGION", "aws.region"),
    ("AWS_DEFAULT_REGION", "aws.region"),
    ("AWS_ACCESS_KEY_ID", "aws.access_key"),
    ("AWS_SECRET_ACCESS_KEY", "aws.secret_key"),
    ("AWS_SESSION_TOKEN", "aws.session_token"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "aws.web_identity_token_file"),
    ("AWS_ROLE_ARN", "aws.role_arn"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "aws.container_credentials"),
];

/// Fetches what the settings refer to and puts it in its place. All that fails is told at once.
pub(crate) async fn resolve(settings: &mut Settings) -> Result<(), String> {
    let prefixes = [SECRET, PARAMETER, WRAPPED];
    let mut references: Vec<_> = prefixes.iter().flat_map(|prefix| settings.references(prefix)).collect();
    // Made by the command that takes it into use, not by every start.
    references.retain(|(key, reference)| key != "master_key_new" || !reference.starts_with(ARN));
    if references.is_empty() {
        return Ok(());
    }
    let data_dir = settings.given("data_dir").unwrap_or("./denizen-data").to_owned();
    let alone = matches!(settings.given("roles"), None | Some("all"));
    let aws = Aws::new(&AwsConfig::peek(settings)).map_err(|error| mistakes(&[error.to_string()]))?;
    let mut failed = Vec::new();
    for (key, reference) in references {
        let fetched = if key.starts_with("aws.") {
            Err(anyhow::anyhow!("what is needed to ask AWS cannot be kept there; write the value itself"))
        } else if let Some(rest) = reference.strip_prefix(WRAPPED) {
            match key.as_str() {
                "master_key" => master(&aws, rest, Path::new(&data_dir), alone).await,
                "master_key_new" => given(&aws, rest).await,
                _ => Err(anyhow::anyhow!("only master_key can be wrapped by KMS; use aws-sm: or aws-ssm:")),
            }
        } else {
            fetch(&aws, &reference).await
        };
        match fetched {
            Ok(secret) => settings.fetched(&key, &reference, &secret),
            Err(error) => failed.push(format!("{key}: {error:#}")),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(mistakes(&failed)) }
}

fn mistakes(failed: &[String]) -> String {
    format!("secrets that the settings refer to could not be fetched:\n  - {}\n", failed.join("\n  - "))
}

async fn fetch(aws: &Aws, reference: &str) -> anyhow::Result<String> {
    if let Some(name) = reference.strip_prefix(PARAMETER) {
        return Ok(aws.parameter(name).await?);
    }
    let rest = reference.strip_prefix(SECRET).unwrap_or_default();
    let (id, field) = rest.split_once('#').map_or((rest, None), |(id, field)| (id, Some(field)));
    let secret = aws.secret(id).await?;
    let Some(field) = field else { return Ok(secret) };
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&secret).map_err(|_| anyhow::anyhow!("the secret {id} is no JSON object"))?;
    let value = fields.get(field).and_then(serde_json::Value::as_str);
    value.map(str::to_owned).with_context(|| format!("the secret {id} has no text in the field {field}"))
}

/// The master key in base64 that came wrapped.
async fn given(aws: &Aws, wrapped: &str) -> anyhow::Result<String> {
    encoded(&aws.decrypt(wrapped, false).await?)
}

/// The master key in base64: unwrapped, or made and wrapped at the first start.
async fn master(aws: &Aws, rest: &str, data_dir: &Path, alone: bool) -> anyhow::Result<String> {
    if !rest.starts_with("arn:") {
        return given(aws, rest).await;
    }
    let path = data_dir.join(FILE);
    if !path.exists() && !alone {
        bail!(
            "a process that does not run all roles must not make a master key of its own; wrap one by \
             `aws kms generate-data-key-without-plaintext --key-id {rest} --key-spec AES_256` and give every \
             process aws-kms: with its CiphertextBlob"
        );
    }
    kept_by_kms(aws, rest, &path).await
}

/// The master key in base64 that is kept in a file, wrapped by a key of KMS; made and wrapped when there is no such file.
pub(crate) async fn kept_by_kms(aws: &Aws, arn: &str, path: &Path) -> anyhow::Result<String> {
    if !path.exists() {
        let (_, wrapped) = aws.generate_key(arn).await?;
        master_key::keep(path, &wrapped).with_context(|| path.display().to_string())?;
    }
    // Also right after it was made: another process may have been first, and what cannot be unwrapped again is no key.
    let wrapped = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    encoded(&aws.decrypt(wrapped.trim(), true).await?)
}

fn encoded(bytes: &[u8]) -> anyhow::Result<String> {
    if bytes.len() == 32 {
        Ok(STANDARD.encode(bytes))
    } else {
        bail!("the wrapped key has {} bytes, not 32", bytes.len())
    }
}
