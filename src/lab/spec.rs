//! What a lab shall be.

use super::LabError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Most shards of one lab: each is a server of its own.
const SHARDS_MAX: u32 = 99;
/// Most standbys of one shard.
const STANDBYS_MAX: u32 = 5;

/// What is in `pgbench_accounts` at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// As `pgbench -i -s SCALE`: 100,000 accounts per unit.
    Scale(u32),
    /// This many accounts, for quick tests.
    Rows(u32),
}

impl Fill {
    /// How many accounts that is; their keys are 1 to this number.
    pub fn accounts(self) -> u32 {
        match self {
            Self::Scale(scale) => scale.saturating_mul(100_000),
            Self::Rows(rows) => rows,
        }
    }
}

/// Whether a commit survives a power loss. The end of a process is survived
/// either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// `fsync = off`: quick.
    ProcessCrash,
    /// `fsync = on`: what production does.
    PowerLoss,
}

/// Whether somebody writes while the lab stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Nobody.
    None,
    /// One writer program per shard, following the flags.
    Writers {
        /// Statements per second of each.
        rate_per_s: u32,
    },
}

/// What a lab shall be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabSpec {
    /// Where it lives; must be absent or empty.
    pub directory: PathBuf,
    /// Number of shards, each a server of its own.
    pub shards: u32,
    /// Standbys per shard.
    pub standbys: u32,
    /// What the accounts table holds.
    pub fill: Fill,
    /// What a commit survives.
    pub durability: Durability,
    /// `shared_buffers` of each server, in MiB.
    pub shared_buffers_mib: u32,
    /// Who writes meanwhile.
    pub load: Load,
}

impl LabSpec {
    /// One shard without a standby and with 1,000 accounts.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            shards: 1,
            standbys: 0,
            fill: Fill::Rows(1_000),
            durability: Durability::ProcessCrash,
            shared_buffers_mib: 64,
            load: Load::None,
        }
    }

    /// The same in a directory of the system's temporary space whose name
    /// nobody uses; for tests.
    pub fn scratch() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pilothouse-lab-{}-{number}", std::process::id());
        Self::new(std::env::temp_dir().join(name))
    }

    /// With this many shards.
    #[must_use]
    pub fn shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    /// With this many standbys per shard.
    #[must_use]
    pub fn standbys(mut self, standbys: u32) -> Self {
        self.standbys = standbys;
        self
    }

    /// With these accounts.
    #[must_use]
    pub fn fill(mut self, fill: Fill) -> Self {
        self.fill = fill;
        self
    }

    /// With this durability.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// With this load.
    #[must_use]
    pub fn load(mut self, load: Load) -> Self {
        self.load = load;
        self
    }

    pub(super) fn check(&self) -> Result<(), LabError> {
        if !(1..=SHARDS_MAX).contains(&self.shards) {
            return Err(LabError::Spec("a lab has 1 to 99 shards"));
        }
        if self.standbys > STANDBYS_MAX {
            return Err(LabError::Spec("a shard of a lab has at most 5 standbys"));
        }
        if !(1..=100_000_000).contains(&self.fill.accounts()) {
            return Err(LabError::Spec(
                "a shard of a lab has 1 to 100,000,000 accounts (scale 1 to 1,000)",
            ));
        }
        if self.shared_buffers_mib == 0 {
            return Err(LabError::Spec("shared buffers are at least 1 MiB"));
        }
        Ok(())
    }
}
