//! Where everything of a demo lies.

use crate::base::ShardName;
use std::path::{Path, PathBuf};

/// Where everything of a demo lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoLayout {
    root: PathBuf,
}

impl DemoLayout {
    /// Below this directory.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The fleet file.
    pub fn fleet_file(&self) -> PathBuf {
        self.root.join("fleet.toml")
    }

    /// The migration file.
    pub fn migration_file(&self) -> PathBuf {
        self.root.join("migration.toml")
    }

    /// The directory of the flags.
    pub fn flags(&self) -> PathBuf {
        self.root.join("flags")
    }

    /// The journal's directory.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The file of a shard.
    pub fn shard(&self, name: &ShardName) -> PathBuf {
        self.root.join("shards").join(format!("{name}.db"))
    }

    /// The file that follows it.
    pub fn follower(&self, name: &ShardName) -> PathBuf {
        self.root.join("followers").join(format!("{name}.db"))
    }

    /// What the application knows to be in it.
    pub fn ledger(&self, name: &ShardName) -> PathBuf {
        self.root.join("ledgers").join(format!("{name}.jsonl"))
    }

    pub(super) fn directories(&self) -> [PathBuf; 4] {
        ["shards", "followers", "ledgers", "flags"].map(|name| self.root.join(name))
    }
}
