//! The last minutes of rate and lag, for trends. Bounded: 150 samples of eight
//! bytes per shard, 12 MB for ten thousand shards.

use crate::base::{Period, Timestamp};
use crate::wire::FleetView;
use std::collections::VecDeque;

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
    /// One row a moment, one sample a shard, in the order of the view: taking
    /// one is a single pass over memory that lies together.
    shards: VecDeque<Vec<Sample>>,
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
        let shards = view.shards.iter().map(|shard| {
            let lag = shard.lag_ms.map(|lag| lag.value);
            sample(shard.rows_per_s, lag)
        });
        push(&mut self.shards, shards.collect());
    }

    /// The view lists other shards now; `before` says where each of them stood.
    pub(in crate::cockpit) fn reorder(&mut self, before: &[Option<usize>]) {
        for moment in &mut self.shards {
            let old = |place: &Option<usize>| place.and_then(|place| moment.get(place).copied());
            *moment = before.iter().map(|p| old(p).unwrap_or_default()).collect();
        }
    }

    /// The fleet's samples.
    pub fn fleet(&self) -> impl ExactSizeIterator<Item = Sample> + '_ {
        self.fleet.iter().copied()
    }

    /// The samples of the shard at a place of the view.
    pub fn shard(&self, place: usize) -> Vec<Sample> {
        let of = |moment: &Vec<Sample>| moment.get(place).copied();
        self.shards.iter().filter_map(of).collect()
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

fn push<T>(kept: &mut VecDeque<T>, next: T) {
    if kept.len() == SAMPLES_MAX {
        kept.pop_front();
    }
    kept.push_back(next);
}
