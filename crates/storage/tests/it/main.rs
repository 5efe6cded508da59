//! The same suite over a folder and over a server that speaks S3; then what only one of them can do wrong; and secrets.

#![expect(clippy::unwrap_used, reason = "a test that unwraps fails where it should")]

mod aws;
mod fake;
mod folder;
mod s3;
mod sigv4;
mod suite;
