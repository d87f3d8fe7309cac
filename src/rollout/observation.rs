//! What is measured now: telemetry that is never journalled.

use crate::base::{ShardName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Readings of the whole fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observations {
    shards: BTreeMap<ShardName, ShardObservation>,
}

/// Readings of one shard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShardObservation {
    /// Newest value of each signal, by its wire name.
    pub signals: BTreeMap<String, Reading>,
    /// What answers there: kind of database, version, present primary.
    pub server: Option<String>,
    /// Places that a signal could not be read at, by its wire name.
    pub unseen: BTreeMap<String, u32>,
    /// Every reason to wait, all of them; empty means open.
    pub throttle: Vec<ThrottleReason>,
    /// When the throttle was judged; `None` means never: closed.
    pub throttle_read_at: Option<Timestamp>,
    /// Since when nobody answers there, if so.
    pub unreachable_since: Option<Timestamp>,
    /// Writes in the old form, once both forms are open.
    pub old_form: Option<OldForm>,
    /// Per guard name: since when it is breached without a break.
    pub breached_since: BTreeMap<String, Timestamp>,
}

/// What is known of writers that still use the old form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldForm {
    /// Old-form writes seen so far.
    pub count: u64,
    /// Since when the count has not moved.
    pub quiet_since: Timestamp,
    /// Newest reading.
    pub read_at: Timestamp,
    /// Sessions that wrote it and are still there, for people.
    pub writers: String,
}

/// One value with its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// In the unit that the signal's name ends with.
    pub value: u64,
    /// When it was read.
    pub at: Timestamp,
}

/// One reason why work waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ThrottleReason {
    /// The signal, for example `replica_lag_ms`.
    pub signal: String,
    /// Where it was read, for example a replica's name.
    pub place: String,
    /// The value; `None` when it is unknown or stale (which closes).
    pub value: Option<u64>,
    /// The limit.
    pub limit: u64,
    /// Since when this reason stands.
    pub since: Timestamp,
}

impl fmt::Display for ThrottleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            signal,
            place,
            limit,
            ..
        } = self;
        match self.value {
            Some(value) => write!(f, "{signal} {value} over {limit} ({place})"),
            None => write!(f, "{signal} unknown ({place})"),
        }
    }
}

impl Observations {
    /// What is known of one shard.
    pub fn shard(&self, name: &ShardName) -> Option<&ShardObservation> {
        self.shards.get(name)
    }

    /// To write one shard's readings.
    pub fn shard_mut(&mut self, name: &ShardName) -> &mut ShardObservation {
        self.shards.entry(name.clone()).or_default()
    }
}
