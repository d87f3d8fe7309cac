//! The port that the engine speaks to.

use super::form::{Share, ShareError};
use crate::base::{ShardName, Untrusted};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Counts the changes of the flags; a client that has seen a version has seen
/// every change before it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FlagVersion(pub u64);

impl fmt::Display for FlagVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flag version {}", self.0)
    }
}

/// Who has seen a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Clients that are there, behind or not.
    pub clients_live: usize,
    /// Clients that may still act on an older version, by name; also those
    /// that fell silent without having ended.
    pub clients_behind: Vec<String>,
}

impl Seen {
    /// Whether nobody acts on an older version any more.
    pub fn by_all(&self) -> bool {
        self.clients_behind.is_empty()
    }
}

/// Why flags could not be set or read.
#[derive(Debug, thiserror::Error)]
pub enum FlagError {
    /// A share over 100 percent.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// A file could not be read or written.
    #[error("flag file {}: could not {doing}: {source}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a flag file; nothing was changed.
    #[error("flag file {}: not readable as flags ({why}); nothing was changed", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        why: Untrusted,
    },
    /// The work was cancelled with its runtime.
    #[error("the flag operation was cut off; read the flags again before going on")]
    CutOff,
}

/// Sets and reads shares per shard, and says who has seen them.
pub trait FlagProvider: Send + Sync {
    /// Sets the share of a shard, durably, and gives the version to wait for.
    /// Setting what is already set gives the present version.
    fn set<'a>(
        &'a self,
        shard: &'a ShardName,
        share: Share,
    ) -> BoxFuture<'a, Result<FlagVersion, FlagError>>;

    /// Who has seen this version.
    fn seen(&self, version: FlagVersion) -> BoxFuture<'_, Result<Seen, FlagError>>;

    /// The share of a shard; nothing set means [`Share::NONE`].
    fn read<'a>(&'a self, shard: &'a ShardName) -> BoxFuture<'a, Result<Share, FlagError>>;
}
