//! What can go wrong with the store, told so that an operator can act on it.

use crate::base::Untrusted;
use crate::journal::{DraftError, Head, Verdict};
use std::path::{Path, PathBuf};

/// A failure of the store. It can be cloned because callers that share a
/// transaction share its failure.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no journal.
    #[error("no journal at {path}; check the state directory")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file or directory could not be used.
    #[error("could not {doing} {path}: {why}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// The operating system's word.
        why: String,
    },
    /// Others may write into the store's directory.
    #[error(
        "others may write into {path} (mode {mode:o}), so nothing was put there; \
         \"chmod 700\" it or choose another directory"
    )]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// SQLite failed.
    #[error("could not {doing}: {why}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// SQLite's word.
        why: Untrusted,
    },
    /// A database, but not one of ours.
    #[error("{path} is not a pilothouse file of this kind; nothing was changed in it")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A file without anything in it: one that is being made by another process.
    #[error("{path} is empty: nothing was recorded yet")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A newer pilothouse made the file.
    #[error("{path} has layout {found}, newer than this pilothouse knows; use a newer one")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout version.
        found: i64,
    },
    /// The journal does not hold together.
    #[error("the journal is damaged, {0}; nothing was started; restore it or verify an export")]
    Damaged(Verdict),
    /// Someone else has written to the journal.
    #[error(
        "the journal ends at {found}, this engine left it at {ours}: someone else has written to \
         it; nothing was appended, stop one of the two"
    )]
    Diverged {
        /// Where this engine left it.
        ours: Head,
        /// Where it ends.
        found: Head,
    },
    /// The file was moved, deleted or replaced under the engine.
    #[error("{path} is no longer the file that was opened; nothing was appended, restart")]
    Replaced {
        /// Where the file was.
        path: PathBuf,
    },
    /// The entry cannot be recorded at all.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// A snapshot of a state that the journal has not reached.
    #[error("no snapshot of entry {seq}: the journal ends at {head}")]
    BeyondHead {
        /// The entry of the snapshot.
        seq: u64,
        /// The journal's end.
        head: Head,
    },
    /// The key was used for another order before.
    #[error("the key {key} was used for a different order before; nothing was posted")]
    KeyReused {
        /// The key.
        key: Untrusted,
    },
    /// There is no such order.
    #[error("there is no order {0} in the inbox")]
    NoOrder(i64),
    /// Too many callers wait for the writer.
    #[error("too many wait for the journal already; nothing was appended")]
    Busy,
    /// The store was closed, or its writer ended.
    #[error("the journal is closed")]
    Closed,
}

impl StoreError {
    pub(super) fn database(doing: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |error| Self::Database {
            doing,
            why: Untrusted::new(error.to_string()),
        }
    }

    pub(super) fn file(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File {
            doing,
            path: path.clone(),
            why: error.to_string(),
        }
    }
}
