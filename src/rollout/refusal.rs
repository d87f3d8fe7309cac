//! Why an order was not taken, in words that say what can be done instead.

use super::gate::GateReading;
use crate::base::ShardName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The closed list of reasons to refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Nothing is open.
    NoRollout,
    /// One is open already.
    AlreadyOpen {
        /// Its migration.
        migration: String,
        /// Its id.
        id: String,
    },
    /// The scope names nothing.
    UnknownScope(String),
    /// The scope changed since the sender looked.
    Stale {
        /// What they saw.
        seen: u64,
        /// What it is.
        now: u64,
    },
    /// The verb does not exist at this scope.
    WrongScope {
        /// The verb.
        verb: String,
        /// Where it works.
        works_at: String,
    },
    /// Shards are still at work.
    Running(Vec<ShardName>),
    /// Shards have failed.
    Failed(Vec<ShardName>),
    /// Shards are being rolled back.
    RollingBack(Vec<ShardName>),
    /// Gates have not passed.
    Gates(Vec<GateReading>),
    /// Held; promote does not lift a hold.
    Held(String),
    /// There is nothing (more) to do.
    Nothing(String),
    /// It cannot be taken back lightly: the rollout must be named.
    Unconfirmed {
        /// What would happen.
        what: String,
        /// What must be typed.
        id: String,
    },
    /// The rules forbid it.
    Forbidden(String),
    /// The sender may not.
    Denied(String),
}

fn list(names: &[ShardName]) -> String {
    let mut text = names
        .iter()
        .take(8)
        .map(ShardName::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > 8 {
        text.push_str(&format!(" and {} more", names.len() - 8));
    }
    text
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRollout => f.write_str("no rollout is open on this fleet"),
            Self::AlreadyOpen { migration, id } => write!(
                f,
                "rollout {id} of {migration} is open; finish it, or abort it and forget it, first"
            ),
            Self::UnknownScope(name) => write!(f, "there is no {name} in this rollout"),
            Self::Stale { seen, now } => write!(
                f,
                "it has changed since you looked (version {seen}, now {now}); look again and repeat"
            ),
            Self::WrongScope { verb, works_at } => write!(f, "{verb} works on {works_at}"),
            Self::Running(shards) => write!(f, "still running: {}", list(shards)),
            Self::Failed(shards) => write!(
                f,
                "failed: {}; retry them or roll them back first",
                list(shards)
            ),
            Self::RollingBack(shards) => write!(f, "rolling back: {}; wait for it", list(shards)),
            Self::Gates(readings) => {
                f.write_str("gates have not passed: ")?;
                for (place, reading) in readings.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "; " };
                    write!(f, "{comma}{reading}")?;
                }
                Ok(())
            }
            Self::Held(why) => write!(f, "held ({why}); release it first"),
            Self::Unconfirmed { what, id } => {
                write!(f, "{what}: confirm with the rollout id {id}")
            }
            Self::Nothing(what) | Self::Forbidden(what) | Self::Denied(what) => f.write_str(what),
        }
    }
}
