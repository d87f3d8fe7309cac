//! One engine per store.
//!
//! The lease is a kernel lock on `engine.lock`; it ends with the process,
//! however that dies, so nobody ever has to clean it up. What the file says
//! is only for the message to the one who comes second.

use super::database;
use super::error::StoreError;
use crate::base::{Timestamp, Untrusted};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const LOCK_FILE: &str = "engine.lock";

/// The longest note of an owner that is read.
const NOTE_BYTES_MAX: u64 = 4_096;

/// Who holds a lease, by its own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Process id on its host.
    pub pid: u32,
    /// Name of its host.
    pub host: Untrusted,
    /// Its engine id.
    pub engine: Untrusted,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pid, host, since, ..
        } = self;
        write!(f, "pid {pid} on {host} since {since}")
    }
}

/// Why the lease was not given.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another engine has it.
    #[error("another engine owns this fleet: {0}; stop it, or send your order to it")]
    Owned(Owner),
    /// Another engine has it and has not said who it is, at least not yet.
    #[error("another engine owns this fleet, and has left no name; try again in a moment")]
    OwnedByUnknown,
    /// The lock file cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The right to be the engine of a store, for as long as it lives.
#[derive(Debug)]
pub struct Lease {
    file: File,
    owner: Owner,
}

impl Lease {
    /// What this process has written about itself.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Only so that nobody reads an old name; the kernel unlocks anyway.
        let _ = self.file.set_len(0);
    }
}

pub(super) fn lock(dir: &Path, engine: &str, now: Timestamp) -> Result<Lease, LeaseError> {
    database::prepare_dir(dir)?;
    let path = dir.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(StoreError::file("open", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(owned(&mut file)),
        Err(error) => return Err(StoreError::file("lock", &path)(error.into()).into()),
    }
    let owner = Owner {
        pid: std::process::id(),
        host: Untrusted::new(host()),
        engine: Untrusted::new(engine),
        since: now,
    };
    write_note(&mut file, &owner).map_err(StoreError::file("write", &path))?;
    Ok(Lease { file, owner })
}

fn write_note(file: &mut File, owner: &Owner) -> std::io::Result<()> {
    let note = serde_json::to_string(owner)?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(note.as_bytes())
}

fn owned(file: &mut File) -> LeaseError {
    let mut note = String::new();
    match file.take(NOTE_BYTES_MAX).read_to_string(&mut note) {
        Ok(_) => serde_json::from_str(&note).map_or(LeaseError::OwnedByUnknown, LeaseError::Owned),
        Err(_) => LeaseError::OwnedByUnknown,
    }
}

fn host() -> String {
    // The kernel's own word where there is one; elsewhere the shell's.
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "this host".to_owned())
}
