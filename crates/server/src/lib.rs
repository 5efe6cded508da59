#![doc = include_str!("../README.md")]

mod audit;
pub mod cli;
pub mod config;
mod event_log;
pub mod figures;
mod first_admin;
pub mod generate;
mod health;
mod importing;
mod internal;
mod keyring;
mod keys;
mod link_listener;
mod master_key;
pub mod node;
mod parts;
mod peers;
mod references;
pub mod roles;
mod signing_keys;
mod traces;
mod transfer;
mod welcome;
