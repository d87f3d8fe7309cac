//! When each token was last used: no act, so nothing for the journal.

use super::error::StoreError;
use super::replace::replace;
use crate::base::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

/// Its file name in the store's directory.
const TOKEN_USES_FILE: &str = "token-uses.json";

/// When tokens of a store were last used, by their public parts; nothing if the
/// file is not there or is not ours.
pub fn token_uses(dir: &Path) -> BTreeMap<String, Timestamp> {
    let text = std::fs::read(dir.join(TOKEN_USES_FILE)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Adds what a daemon has seen. The file is replaced as a whole.
pub fn keep_token_uses(dir: &Path, seen: BTreeMap<String, Timestamp>) -> Result<(), StoreError> {
    let mut uses = token_uses(dir);
    uses.extend(seen);
    let path = dir.join(TOKEN_USES_FILE);
    // Names and moments: they always have a JSON form.
    let json = serde_json::to_vec(&uses).unwrap_or_default();
    replace(&path, &json).map_err(StoreError::file("write", &path))
}
