//! Checks AWS Signature Version 4 the way the vendor documents it (IAM User Guide, "Create a signed API request";
//! Amazon S3 API Reference, "Signature Calculations for the Authorization Header"), apart from the code that signs.

use std::collections::BTreeMap;

use aws_lc_rs::{digest, hmac};
use http::{HeaderMap, Method, Uri};

/// Who may call, and where.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) key_id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) region: &'static str,
    pub(crate) service: &'static str,
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// What is wrong with the signature of a request; nothing when it is right.
pub(crate) fn check(
    account: &Account,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), String> {
    let text = |name: &str| -> Result<String, String> {
        let value = headers.get(name).ok_or(format!("{name} is missing"))?;
        Ok(value.to_str().map_err(|_| format!("{name} is no text"))?.to_owned())
    };
    let authorization = text("authorization")?;
    let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("another algorithm")?;
    let parts: BTreeMap<&str, &str> =
        rest.split(',').filter_map(|part| part.trim().split_once('=')).collect();
    let part = |name: &str| parts.get(name).copied().ok_or(format!("{name} is missing"));
    let at = text("x-amz-date")?;
    let day = at.get(..8).ok_or("x-amz-date is too short")?;
    let scope = format!("{day}/{}/{}/aws4_request", account.region, account.service);
    if part("Credential")? != format!("{}/{scope}", account.key_id) {
        return Err(format!("the credential is {}, not of {scope}", part("Credential")?));
    }
    let payload = text("x-amz-content-sha256")?;
    if payload != sha256(body) {
        return Err("x-amz-content-sha256 is not the hash of the body".to_owned());
    }
    let signed = part("SignedHeaders")?;
    for must in ["host", "x-amz-date", "x-amz-content-sha256"] {
        if !signed.split(';').any(|name| name == must) {
            return Err(format!("{must} is not signed"));
        }
    }
    let mut canonical = format!("{method}\n{}\n{}\n", uri.path(), query(uri));
    for name in signed.split(';') {
        let value = text(name)?;
        canonical.extend([name, ":", value.trim(), "\n"]);
    }
    canonical.extend(["\n", signed, "\n", &payload]);
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let mut key = format!("AWS4{}", account.secret).into_bytes();
    for step in [day, account.region, account.service, "aws4_request"] {
        key = mac(&key, step);
    }
    let right = hex::encode(mac(&key, &to_sign));
    if part("Signature")? == right { Ok(()) } else { Err("SignatureDoesNotMatch".to_owned()) }
}

/// The query with its pairs in order, each with a value.
fn query(uri: &Uri) -> String {
    let mut pairs: Vec<(&str, &str)> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The account of the vendor's published examples.
const EXAMPLE: Account = Account {
    key_id: "AKIAIOSFODNN7EXAMPLE",
    secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    region: "us-east-1",
    service: "s3",
};

fn example(
    method: &Method,
    target: &str,
    more: &[(&'static str, &str)],
    body: &[u8],
    signature: &str,
) -> Result<(), String> {
    let mut headers = HeaderMap::new();
    let hash = sha256(body);
    let always = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("x-amz-content-sha256", &hash),
        ("x-amz-date", "20130524T000000Z"),
    ];
    let mut names: Vec<&str> = Vec::new();
    for (name, value) in always.into_iter().chain(more.iter().copied()) {
        headers.insert(name, value.parse().unwrap());
        names.push(name);
    }
    names.sort_unstable();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders={},Signature={signature}",
        names.join(";")
    );
    headers.insert("authorization", authorization.parse().unwrap());
    check(&EXAMPLE, method, &target.parse().unwrap(), &headers, body)
}

/// The four examples of the vendor's page: get, put, get of a setting, list.
#[test]
fn agrees_with_the_published_examples() {
    let range = [("range", "bytes=0-9")];
    let get = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    assert_eq!(example(&Method::GET, "/test.txt", &range, b"", get), Ok(()));
    let put = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
    let signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    assert_eq!(example(&Method::PUT, "/test%24file.text", &put, b"Welcome to Amazon S3.", signature), Ok(()));
    let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    assert_eq!(example(&Method::GET, "/?lifecycle", &[], b"", lifecycle), Ok(()));
    let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    assert_eq!(example(&Method::GET, "/?max-keys=2&prefix=J", &[], b"", list), Ok(()));

    assert!(example(&Method::GET, "/other.txt", &range, b"", get).is_err());
    assert!(example(&Method::PUT, "/test.txt", &range, b"", get).is_err());
    assert!(example(&Method::GET, "/?max-keys=3&prefix=J", &[], b"", list).is_err());
}
