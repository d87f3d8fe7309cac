//! What may happen in a scenario, in the words of its file.

use crate::base::{Fault, Period, RingName, ShardName, Stop};
use crate::rollout::{Outcome, Scope};
use serde::Deserialize;

/// One line of a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Time passes.
    Later(Period),
    /// A ring finishes every stop up to and with `to`.
    Walk {
        /// Which.
        ring: RingName,
        /// The last stop.
        to: Stop,
    },
    /// A ring begins a stop.
    Begin {
        /// Which.
        ring: RingName,
        /// What.
        stop: Stop,
    },
    /// One shard finishes a stop.
    Finish {
        /// Which.
        shard: ShardName,
        /// What.
        stop: Stop,
    },
    /// A person switches automatic promotion on, or off.
    Automate {
        /// Who.
        by: String,
        /// How far; off without it.
        to: Option<Stop>,
    },
    /// A person holds.
    Hold(Act),
    /// A person pauses.
    Pause(Act),
    /// A person rolls back.
    RollBack {
        /// Who, what, why.
        act: Act,
        /// Which shards.
        shards: Vec<ShardName>,
        /// To the end of which stop.
        to: Stop,
    },
    /// A shard fails.
    Fail {
        /// Which.
        shard: ShardName,
        /// How.
        fault: Fault,
    },
    /// Every shard's signals are read, lag 100 ms and a little more each.
    ReadAll {},
    /// A replica lags.
    Lag {
        /// Of which shard.
        shard: ShardName,
        /// How far behind, in milliseconds.
        lag_ms: u64,
    },
    /// A shard's throttle is closed.
    Throttle {
        /// Which.
        shard: ShardName,
        /// The replica that lags.
        place: String,
        /// How far behind, in milliseconds.
        lag_ms: u64,
        /// The limit, in milliseconds.
        limit_ms: u64,
        /// For how long.
        lasting: Period,
    },
    /// Nobody writes the old form of a ring any more.
    Quiet {
        /// Which.
        ring: RingName,
        /// For how long.
        lasting: Period,
    },
    /// A shard cannot be reached.
    Unreachable {
        /// Which.
        shard: ShardName,
        /// For how long.
        lasting: Period,
    },
    /// A shard at work is measured.
    Measure {
        /// Which.
        shard: ShardName,
        /// Rows done.
        rows_done: u64,
        /// Rows in all.
        rows_total: u64,
        /// Rows a second.
        rows_per_s: u64,
    },
    /// Somebody has asked what a merge restore would give on this shard.
    CountRestore {
        /// Which.
        shard: ShardName,
        /// Rows that get their exported value back.
        exported: u64,
        /// Rows that get `down(new)`.
        down: u64,
    },
    /// The rollout ends.
    End(Outcome),
}

/// A person's act.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// Who.
    pub by: String,
    /// Over what.
    pub scope: Scope,
    /// Why.
    pub why: String,
}
