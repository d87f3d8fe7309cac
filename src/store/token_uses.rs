//! When each token was last used: no act, so nothing for the journal.

use super::error::StoreError;
use crate::base::Timestamp;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Its file name in the store's directory.
const TOKEN_USES_FILE: &str = "token-uses.json";

/// Public parts of tokens, and when each was last used.
pub type TokenUses = BTreeMap<String, Timestamp>;

/// What is known of a store's tokens; nothing if the file is not there or is
/// not ours.
pub fn token_uses(dir: &Path) -> TokenUses {
    let text = std::fs::read(dir.join(TOKEN_USES_FILE)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Adds what a daemon has seen. The file is replaced as a whole.
pub fn keep_token_uses(dir: &Path, seen: TokenUses) -> Result<(), StoreError> {
    let mut uses = token_uses(dir);
    uses.extend(seen);
    let path = dir.join(TOKEN_USES_FILE);
    let draft = dir.join("token-uses.new");
    // Names and moments: they always have a JSON form.
    let json = serde_json::to_vec(&uses).unwrap_or_default();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options
        .open(&draft)
        .and_then(|mut file| file.write_all(&json));
    written.map_err(StoreError::file("write", &draft))?;
    std::fs::rename(&draft, &path).map_err(StoreError::file("write", &path))
}
