//! Compiles the contracts in `proto/` without protoc, and lists their methods.

#[path = "build/services.rs"]
mod services;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use protox::prost_reflect::DescriptorPool;

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script its folder by the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from("../../proto");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    for file in &files {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    println!("cargo:rerun-if-changed={}", root.display());

    let set = protox::compile(&files, [&root])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("methods.rs"),
        method_table(&DescriptorPool::from_file_descriptor_set(set.clone())?)?,
    )?;
    let mut config = prost_build::Config::new();
    config.include_file("contracts.rs").service_generator(Box::new(services::Generator));
    config.compile_fds(set)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// `&[Method]`, sorted by path, with what the contracts say of each.
fn method_table(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut rows = Vec::new();
    for service in pool.services() {
        for method in service.methods() {
            let options = method.method_descriptor_proto().options.clone().unwrap_or_default();
            let reads = options.idempotency_level
                == Some(
                    protox::prost_reflect::prost_types::method_options::IdempotencyLevel::NoSideEffects
                        as i32,
                );
            let path = format!("/{}/{}", service.full_name(), method.name());
            let streams = method.is_server_streaming();
            let public = !service.full_name().contains(".internal.");
            rows.push((path, reads, streams, public));
        }
    }
    rows.sort();
    let mut text = String::from("&[\n");
    for (path, reads, streams, public) in rows {
        writeln!(text, "Method {{ path: {path:?}, reads: {reads}, streams: {streams}, public: {public} }},")?;
    }
    text.push(']');
    Ok(text)
}
