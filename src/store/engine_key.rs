//! The engine's own key: what seals the heads of its journal.
//!
//! It lies beside the journal. It stops whoever can write the journal's file
//! only; against whoever can read this file too, heads are also kept on every
//! shard and by every cockpit.

use super::database::sync_dir_of;
use super::error::StoreError;
use crate::base::{Secret, SigningKey};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Its file name in the store's directory.
pub const ENGINE_KEY_FILE: &str = "engine.key";

/// Reads the key of the store in `dir`, or makes one.
pub(super) fn open(dir: &Path) -> Result<SigningKey, StoreError> {
    let path = dir.join(ENGINE_KEY_FILE);
    match std::fs::read_to_string(&path) {
        Ok(pem) => read(&path, &Secret::new(pem)),
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path),
        Err(error) => Err(StoreError::file("read", &path)(error)),
    }
}

fn unusable(path: &Path, why: impl ToString) -> StoreError {
    let why = why.to_string();
    StoreError::file("use the engine's key in", path)(std::io::Error::other(why))
}

fn read(path: &Path, pem: &Secret) -> Result<SigningKey, StoreError> {
    let found = std::fs::metadata(path).map_err(StoreError::file("read", path))?;
    if found.permissions().mode() & 0o077 != 0 {
        return Err(unusable(
            path,
            "others can read it; chmod 600, or move it away for a new one",
        ));
    }
    SigningKey::from_openssh(pem).map_err(|e| unusable(path, e))
}

fn make(path: &Path) -> Result<SigningKey, StoreError> {
    let mut seed = [0; 32];
    let filled = getrandom(&mut seed[..], GetRandomFlags::empty());
    if filled.ok() != Some(seed.len()) {
        return Err(unusable(path, "the operating system gave no random bits"));
    }
    let key = SigningKey::from_seed(&seed).map_err(|e| unusable(path, e))?;
    let pem = key.to_openssh().map_err(|e| unusable(path, e))?;
    // Under another name first: half a key would be no key for ever.
    let draft = path.with_extension("key.new");
    let failed = StoreError::file("write", &draft);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(&failed)?;
    file.write_all(pem.reveal().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(&failed)?;
    std::fs::rename(&draft, path).map_err(StoreError::file("write", path))?;
    sync_dir_of(path)?;
    Ok(key)
}
