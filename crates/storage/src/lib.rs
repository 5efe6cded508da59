#![doc = include_str!("../README.md")]

mod aws;
mod config;
mod error;
mod store;

pub use aws::{Aws, AwsConfig, AwsError};
pub use config::{Config, Place, S3, Secret};
pub use error::{Error, Result};
pub use store::{Listed, Store};
