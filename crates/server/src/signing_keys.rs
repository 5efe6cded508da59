//! The command that begins a new key for access tokens.

use anyhow::anyhow;
use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::time::{Clock, Timestamp};
use denizen_rpc::auth::internal::v1::RotateSigningKeyRequest;
use denizen_rpc::problem_from;

use crate::cli::say;
use crate::config::Config;
use crate::node::{Listeners, Node};
use crate::roles::Roles;

/// Begins the key, beside a system that may be running, and says from when it signs.
pub(crate) async fn rotate(config: Config) -> anyhow::Result<()> {
    let node =
        Node::start(Config { roles: Roles::all(), ..config }, Listeners::default(), Clock::System).await?;
    let cx = Cx::job(Role::Operator, &Clock::System);
    let rotated = node.links.signing(&cx).rotate_signing_key(RotateSigningKeyRequest {}).await;
    let rotated = rotated.map_err(|status| anyhow!("{}", problem_from(status).detail));
    node.stop().await;
    let key = rotated?.into_inner();
    say(&format!("key {} ({}) signs from {}", key.kid, key.algorithm, time(key.signs_from)));
    say(&format!("the key before it is shown until {}", time(key.old_until)));
    Ok(())
}

fn time(second: i64) -> String {
    Timestamp::from_second(second).map(|at| at.to_string()).unwrap_or_default()
}
