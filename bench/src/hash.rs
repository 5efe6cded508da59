//! The limit of a login: Argon2id (RFC 9106) with the server's default cost, the memory reused.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;

/// Memory of a hash in KiB: the server's default (`password.argon2.memory_kib`).
const MEMORY_KIB: u32 = 19_456;

/// Passes of a hash (`password.argon2.iterations`).
const ITERATIONS: u32 = 2;

/// Lanes of a hash (`password.argon2.parallelism`).
const PARALLELISM: u32 = 1;

/// Bytes of a hash.
const OUTPUT: usize = 32;

/// The parameters as they stand in a PHC string.
pub(crate) fn parameters() -> String {
    format!("m={MEMORY_KIB},t={ITERATIONS},p={PARALLELISM}")
}

/// Hashes a second on so many threads, as long as this.
pub(crate) fn rate(length: Duration, threads: u32) -> anyhow::Result<f64> {
    let rates = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| rate_of_one(length))).collect();
        let ended = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?);
        ended.collect::<anyhow::Result<Vec<f64>>>()
    })?;
    Ok(rates.iter().sum())
}

fn rate_of_one(length: Duration) -> anyhow::Result<f64> {
    let mut hasher = Hasher::new()?;
    hasher.hash(b"the memory is touched once before")?;
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < length {
        hasher.hash(&count.to_le_bytes())?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Hashes a second in a process of its own, on these cores (as `taskset -c` takes them), a thread each.
pub(crate) fn rate_on(cores: &str, length: Duration) -> anyhow::Result<f64> {
    let threads = cores.split(',').count().to_string();
    let output = Command::new("taskset")
        .args(["-c", cores])
        .arg(std::env::current_exe()?)
        .args(["hash", "--seconds", &length.as_secs().to_string(), "--threads", &threads])
        .output()
        .context("taskset (of util-linux) is needed")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .with_context(|| format!("the hash rate on {cores}: {:?}", String::from_utf8_lossy(&output.stderr)))
}

/// The PHC string of a password, with a fixed salt: these accounts guard nothing.
pub(crate) fn phc(password: &str) -> anyhow::Result<String> {
    let salt = [7; 16];
    let output = Hasher::new()?.hash_with(password.as_bytes(), &salt)?;
    let base64 = |bytes: &[u8]| BASE64_STANDARD_NO_PAD.encode(bytes);
    Ok(format!("$argon2id$v=19${}${}${}", parameters(), base64(&salt), base64(&output)))
}

/// Argon2id and the memory it works in.
struct Hasher {
    argon: Argon2<'static>,
    memory: Vec<Block>,
}

// === impl Hasher ===

impl Hasher {
    fn new() -> anyhow::Result<Self> {
        let params = Params::new(MEMORY_KIB, ITERATIONS, PARALLELISM, Some(OUTPUT))
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let memory = vec![Block::new(); params.block_count()];
        Ok(Self { argon: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), memory })
    }

    fn hash(&mut self, password: &[u8]) -> anyhow::Result<[u8; OUTPUT]> {
        self.hash_with(password, b"0123456789abcdef")
    }

    fn hash_with(&mut self, password: &[u8], salt: &[u8; 16]) -> anyhow::Result<[u8; OUTPUT]> {
        let mut output = [0; OUTPUT];
        let hashed = self.argon.hash_password_into_with_memory(
            password,
            salt,
            &mut output,
            self.memory.as_mut_slice(),
        );
        hashed.map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_names_its_cost() {
        let phc = phc("a password").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{phc}");
        assert_ne!(phc, super::phc("another password").unwrap());
    }

    #[test]
    fn memory_that_was_used_changes_no_hash() {
        let mut hasher = Hasher::new().unwrap();
        let first = hasher.hash(b"a").unwrap();
        hasher.hash(b"b").unwrap();
        assert_eq!(first, hasher.hash(b"a").unwrap());
    }
}
