//! The last minutes of rate and lag, for trends. Bounded: 150 samples of eight
//! bytes per shard, 12 MB for ten thousand shards.

use crate::base::{Period, ShardName, Timestamp};
use crate::wire::FleetView;
use std::collections::{BTreeMap, VecDeque};

/// Time between two samples.
pub const SAMPLE: Period = Period::from_ms(2_000);
/// Samples that are kept: five minutes.
const SAMPLES_MAX: usize = 150;

/// What was measured at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Rows per second.
    pub rows_per_s: u32,
    /// Replica lag in milliseconds.
    pub lag_ms: u32,
}

/// Samples of the fleet and of every shard; the newest is the last.
#[derive(Clone, Debug, Default)]
pub struct History {
    fleet: VecDeque<Sample>,
    shards: BTreeMap<ShardName, VecDeque<Sample>>,
    at: Timestamp,
}

impl History {
    /// Takes a sample if it is time for one.
    pub(in crate::cockpit) fn take(&mut self, view: &FleetView, now: Timestamp) {
        if now.since(self.at) < SAMPLE {
            return;
        }
        self.at = now;
        let lag = view.totals.lag_max.as_ref().map(|max| max.lag_ms.value);
        push(&mut self.fleet, sample(view.totals.rows_per_s, lag));
        for shard in &view.shards {
            let lag = shard.lag_ms.map(|lag| lag.value);
            let next = sample(shard.rows_per_s, lag);
            match self.shards.get_mut(&shard.name) {
                Some(kept) => push(kept, next),
                None => push(self.shards.entry(shard.name.clone()).or_default(), next),
            }
        }
    }

    /// The fleet's samples.
    pub fn fleet(&self) -> impl ExactSizeIterator<Item = Sample> + '_ {
        self.fleet.iter().copied()
    }

    /// One shard's samples.
    pub fn shard(&self, name: &ShardName) -> Vec<Sample> {
        let kept = self.shards.get(name);
        kept.map_or_else(Vec::new, |kept| kept.iter().copied().collect())
    }

    /// When the newest sample was taken.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

fn sample(rows_per_s: Option<u64>, lag_ms: Option<u64>) -> Sample {
    let small = |n: Option<u64>| u32::try_from(n.unwrap_or(0)).unwrap_or(u32::MAX);
    Sample {
        rows_per_s: small(rows_per_s),
        lag_ms: small(lag_ms),
    }
}

fn push(kept: &mut VecDeque<Sample>, next: Sample) {
    if kept.len() == SAMPLES_MAX {
        kept.pop_front();
    }
    kept.push_back(next);
}
