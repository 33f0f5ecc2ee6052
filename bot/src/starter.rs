//! The model that comes with the program: unpacked once, so that llama.cpp can map it like any other file.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use chatfriends_engine::Gguf;
use sha2::{Digest as _, Sha256};

/// A small model trained on the project's own text; see scripts/README.md for what it can and cannot do.
const STARTER: &[u8] = include_bytes!("../../personas/starter/starter.gguf");

/// The starter's file under the store's folder, written first when it is missing or another version's.
///
/// # Errors
/// When the folder cannot be written.
pub fn unpack(store: &Path) -> std::io::Result<PathBuf> {
    let folder = store.join("models");
    let digest = Sha256::digest(STARTER);
    let file = folder.join(format!(
        "starter-{:02x}{:02x}{:02x}{:02x}.gguf",
        digest[0], digest[1], digest[2], digest[3]
    ));
    let is_whole = std::fs::read(&file).is_ok_and(|found| found == STARTER);
    if !is_whole {
        std::fs::create_dir_all(&folder)?;
        // Written beside and renamed, so that a crash in between leaves no half file under the final name.
        let unfinished = file.with_extension("unfinished");
        let mut writing = std::fs::File::create(&unfinished)?;
        writing.write_all(STARTER)?;
        writing.sync_all()?;
        std::fs::rename(&unfinished, &file)?;
    }
    Ok(file)
}

/// What its file says of itself; nothing stays written.
///
/// # Errors
/// When no temporary file can be written.
pub fn inspect() -> anyhow::Result<Gguf> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(STARTER)?;
    file.flush()?;
    Ok(chatfriends_engine::inspect(file.path())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_copy_is_written_again() {
        let store = tempfile::tempdir().unwrap();
        let file = unpack(store.path()).unwrap();
        std::fs::write(&file, b"damaged").unwrap();
        assert_eq!(unpack(store.path()).unwrap(), file);
        assert_eq!(std::fs::read(&file).unwrap(), STARTER);
    }
}
