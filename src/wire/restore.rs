//! What the way back past drop would give, counted before it is confirmed.

use crate::base::Timestamp;
use crate::rollout::Restored;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far the count of one shard is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestoreCount {
    /// The rows are being counted.
    Counting {
        /// Since when.
        since: Timestamp,
    },
    /// Counted.
    Counted {
        /// Both ways.
        restored: Restored,
        /// When the count ended; writers go on meanwhile.
        at: Timestamp,
    },
    /// It could not be counted.
    Failed {
        /// Why.
        why: String,
        /// When.
        at: Timestamp,
    },
}

impl RestoreCount {
    /// When this was found out.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Counting { since } => *since,
            Self::Counted { at, .. } | Self::Failed { at, .. } => *at,
        }
    }
}
