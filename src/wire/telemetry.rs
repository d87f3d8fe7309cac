//! What the drivers of the engine measure. Never journalled, lost on restart.

use super::RestoreCount;
use crate::base::{ShardName, Timestamp};
use crate::worker::WaitReason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Newest measurements of every shard at work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Telemetry {
    /// By shard; a shard that was never at work has none.
    pub shards: BTreeMap<ShardName, ShardTelemetry>,
    /// What merge restores would give, where somebody asked.
    pub restore: BTreeMap<ShardName, RestoreCount>,
}

/// Measurements of one shard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShardTelemetry {
    /// When this was measured.
    pub at: Timestamp,
    /// When it last moved (a row, a step, a check, a client) or had a reason
    /// not to.
    pub moved_at: Timestamp,
    /// What it is doing, for example `backfill customers.email_v2`.
    pub step: String,
    /// Since when it does that.
    pub step_since: Timestamp,
    /// How long the step was estimated to take, in milliseconds.
    pub step_ms: Option<u64>,
    /// How far the server itself says that it is.
    pub progress: Option<StepProgress>,
    /// Rows finished in the current stage.
    pub rows_done: u64,
    /// Rows there will be, as estimated at its start.
    pub rows_total: Option<u64>,
    /// Rows of the newest chunk.
    pub chunk_rows: Option<u64>,
    /// Median time of a chunk.
    pub chunk_ms_p50: Option<u64>,
    /// Time that nine of ten chunks stay under.
    pub chunk_ms_p90: Option<u64>,
    /// Rows per second; `None` until there is enough to measure.
    pub rate: Option<Rate>,
    /// Share of the last minute spent waiting for the throttle, in percent.
    pub throttled_percent: Option<u8>,
    /// Why it waits, if it does.
    pub wait: Option<WaitReason>,
    /// Checks of the current stage.
    pub checks: Option<CheckCount>,
    /// What the clients of the flag have seen of it.
    pub flag_seen: Option<FlagSeen>,
}

/// How far one statement has come, by the server's own count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepProgress {
    /// What the server does.
    pub phase: String,
    /// Parts of it that are done, in whatever it counts.
    pub done: u64,
    /// Parts there are; 0 if it does not count.
    pub total: u64,
    /// Whose transaction it waits for.
    pub waits_for: Option<String>,
}

/// Live clients of a shard's flag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlagSeen {
    /// How many.
    pub clients: u64,
    /// Those that have not seen the newest share yet.
    pub behind: Vec<String>,
    /// When they were asked.
    pub at: Timestamp,
}

/// Rows per second over the last measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Now.
    pub rows_per_s: u64,
    /// The slowest of the last measurements.
    pub rows_per_s_low: u64,
    /// The fastest of the last measurements.
    pub rows_per_s_high: u64,
}

/// How many checks are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckCount {
    /// Good ones.
    pub passed: u32,
    /// All.
    pub total: u32,
    /// When they were read.
    pub at: Timestamp,
}
