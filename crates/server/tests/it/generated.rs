//! The documents made by the code are those in the repository.

use std::path::Path;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/generated");

#[test]
fn documents_are_fresh() {
    let documents = denizen_server::generate::documents().unwrap();
    assert!(!documents.is_empty());
    for (name, content) in documents {
        assert!(!content.trim().is_empty(), "{name} says nothing");
        let written = std::fs::read_to_string(Path::new(FOLDER).join(name)).unwrap_or_default();
        assert!(
            written == content,
            "docs/generated/{name} is old; run `cargo run -p denizen-server -- generate`"
        );
    }
}
