//! Layers: an arrow that points up fails the build.

use std::collections::BTreeMap;

/// Which of our crates each crate may depend on, besides its tests.
const ALLOWED: [(&str, &[&str]); 17] = [
    ("kit", &[]),
    ("db", &["kit"]),
    ("cache", &["kit"]),
    ("tls", &["kit"]),
    ("upstream", &["kit", "tls"]),
    ("storage", &["kit"]),
    ("rpc", &["kit", "upstream"]),
    ("users", &["kit", "db", "cache", "storage", "rpc"]),
    ("auth", &["kit", "db", "cache", "rpc"]),
    ("password", &["kit", "db", "cache", "rpc"]),
    ("otp", &["kit", "db", "cache", "rpc"]),
    ("notify", &["kit", "db", "cache", "rpc"]),
    ("audit", &["kit", "db", "cache", "rpc"]),
    ("gateway", &["kit", "db", "cache", "rpc", "tls", "upstream"]),
    (
        "server",
        &[
            "kit", "db", "cache", "tls", "upstream", "storage", "rpc", "users", "auth", "password", "otp",
            "notify", "audit", "gateway",
        ],
    ),
    ("testkit", &["kit", "db", "cache", "tls", "upstream", "rpc", "server"]),
    ("bench", &[]),
];

/// Crates from outside that only one of ours may use.
const WRAPPED: [(&str, &[&str]); 5] = [
    ("rusqlite", &["db"]),
    ("tokio-postgres", &["db", "testkit"]),
    ("deadpool-postgres", &["db"]),
    ("redis", &["cache"]),
    ("object_store", &["storage"]),
];

#[test]
fn arrows_point_down() {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().unwrap();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    for package in &metadata.packages {
        let name = package.name.strip_prefix("denizen-").unwrap_or(&package.name);
        let down = allowed.get(name).unwrap_or_else(|| panic!("{name} has no layer: add it to ALLOWED"));
        let normal = package.dependencies.iter().filter(|d| d.kind == cargo_metadata::DependencyKind::Normal);
        for dependency in normal {
            if let Some(ours) = dependency.name.strip_prefix("denizen-") {
                assert!(down.contains(&ours), "{name} must not depend on {ours}");
            }
            for (outside, users) in WRAPPED {
                assert!(dependency.name != outside || users.contains(&name), "{name} must not use {outside}");
            }
        }
    }
}
