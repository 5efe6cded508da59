//! The texts in which hashes come: which form a text has, by how it begins.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;

use super::argon2::Argon;
use super::bcrypt::Bcrypt;
use super::crypt::Crypt;
use super::digest::Digest;
use super::pbkdf2::{Pbkdf2, Prf};
use super::scrypt::Scrypt;
use super::{Algorithm, Refusal};

/// Longest text of a hash.
const LONGEST: usize = 1024;

/// Reads a hash in one of the forms.
pub(super) fn parse(text: &str) -> Result<Algorithm, Refusal> {
    if text.len() > LONGEST {
        return Err(Refusal::Unsupported);
    }
    let text = text.strip_prefix("{CRYPT}").unwrap_or(text);
    phc_or_crypt(text).or_else(|| django(text)).or_else(|| other(text)).ok_or(Refusal::Unsupported)
}

/// `$name$…`: PHC strings, passlib's, and those of `crypt(3)`.
fn phc_or_crypt(text: &str) -> Option<Algorithm> {
    let (name, rest) = text.strip_prefix('$')?.split_once('$')?;
    match name {
        "argon2id" | "argon2i" | "argon2d" => Argon::read(text).map(Algorithm::Argon),
        "2a" | "2b" | "2y" => Bcrypt::read(text).map(Algorithm::Bcrypt),
        "bcrypt-sha256" => Bcrypt::read_keyed(rest).map(Algorithm::Bcrypt),
        "scrypt" => Scrypt::read(rest).map(Algorithm::Scrypt),
        "fbscrypt" => Scrypt::read_firebase(rest).map(Algorithm::Scrypt),
        "1" | "5" | "6" => Crypt::read(text).map(Algorithm::Crypt),
        _ => {
            let prf = Prf::parse(name.strip_prefix("pbkdf2")?)?;
            Pbkdf2::read(prf, rest).map(Algorithm::Pbkdf2)
        }
    }
}

/// `name$…`: Django's.
fn django(text: &str) -> Option<Algorithm> {
    let (name, rest) = text.split_once('$')?;
    match name {
        "argon2" => Argon::read(&format!("${rest}")).map(Algorithm::Argon),
        "bcrypt" => Bcrypt::read(rest).map(Algorithm::Bcrypt),
        "bcrypt_sha256" => Bcrypt::read_django_digest(rest).map(Algorithm::Bcrypt),
        "scrypt" => Scrypt::read_django(rest).map(Algorithm::Scrypt),
        "sha1" | "md5" => Digest::read_django(text).map(Algorithm::Digest),
        _ => {
            let prf = Prf::parse(name.strip_prefix("pbkdf2")?)?;
            Pbkdf2::read_django(prf, rest).map(Algorithm::Pbkdf2)
        }
    }
}

/// LDAP's schemes in braces, and Keycloak's JSON.
fn other(text: &str) -> Option<Algorithm> {
    if text.starts_with("{S") {
        return Digest::read_ldap(text).map(Algorithm::Digest);
    }
    serde_json::from_str::<Keycloak>(text).ok()?.read()
}

/// What Keycloak keeps in `credentialData` and `secretData`, in one object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keycloak {
    algorithm: String,
    hash_iterations: u32,
    salt: String,
    value: String,
    #[serde(default)]
    additional_parameters: KeycloakArgon2,
}

/// Keycloak's parameters of Argon2, each a list of one text.
#[derive(Default, Deserialize)]
struct KeycloakArgon2 {
    #[serde(default, rename = "type")]
    kind: Vec<String>,
    #[serde(default)]
    version: Vec<String>,
    #[serde(default)]
    memory: Vec<String>,
    #[serde(default)]
    parallelism: Vec<String>,
}

// === impl Keycloak ===

impl Keycloak {
    fn read(&self) -> Option<Algorithm> {
        let (salt, output) = (base64(&self.salt)?, base64(&self.value)?);
        if self.algorithm == "argon2" {
            return self.read_argon2(&salt, &output);
        }
        let prf = Prf::parse(self.algorithm.strip_prefix("pbkdf2")?)?;
        let iterations = self.hash_iterations.try_into().ok()?;
        Some(Algorithm::Pbkdf2(Pbkdf2 { prf, iterations, salt, output }))
    }

    fn read_argon2(&self, salt: &[u8], output: &[u8]) -> Option<Algorithm> {
        let KeycloakArgon2 { kind, version, memory, parallelism } = &self.additional_parameters;
        let (kind, memory, parallelism) = (kind.first()?, memory.first()?, parallelism.first()?);
        let version = if version.first()? == "1.3" { 19 } else { 16 };
        let passes = self.hash_iterations;
        let (salt, output) = (to_base64(salt), to_base64(output));
        let phc = format!("$argon2{kind}$v={version}$m={memory},t={passes},p={parallelism}${salt}${output}");
        Argon::read(&phc).map(Algorithm::Argon)
    }
}

/// Bytes of base64: of the usual alphabet, the one for addresses or passlib's; padded or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let usual = |byte: char| match byte {
        '.' | '-' => '+',
        '_' => '/',
        other => other,
    };
    let text: String = text.trim_end_matches('=').chars().map(usual).collect();
    STANDARD_NO_PAD.decode(text).ok()
}

/// Base64 of PHC strings: the usual alphabet without padding.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}
