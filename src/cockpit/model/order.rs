//! The order of the shards on the screen.

use super::filter::Filter;
use crate::wire::{Progress, ShardView, Sign};

/// What the rows are sorted by. The file's order breaks ties, so that rows do
/// not jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the fleet file lists them.
    #[default]
    File,
    /// What needs a person first.
    Need,
    /// The least done first.
    Progress,
    /// The highest lag first.
    Lag,
    /// The slowest first.
    Rate,
}

impl Order {
    /// The one after it.
    pub fn next(self) -> Self {
        match self {
            Self::File => Self::Need,
            Self::Need => Self::Progress,
            Self::Progress => Self::Lag,
            Self::Lag => Self::Rate,
            Self::Rate => Self::File,
        }
    }

    /// For the status line.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file order",
            Self::Need => "what needs you first",
            Self::Progress => "least done first",
            Self::Lag => "highest lag first",
            Self::Rate => "slowest first",
        }
    }

    /// The rank of a shard; `None` when the filter hides it.
    pub(super) fn rank(self, filter: &Filter<'_>, shard: &ShardView) -> Option<Rank> {
        filter.passes(shard).then(|| self.of(shard))
    }

    fn of(self, shard: &ShardView) -> Rank {
        match self {
            Self::File => Rank(0),
            Self::Need => Rank(u64::MAX - gravity(shard.standing.sign)),
            Self::Lag => Rank(u64::MAX - shard.lag_ms.map_or(0, |lag| lag.value)),
            // Shards without a rate do not work: they are not slow.
            Self::Rate => Rank(shard.rows_per_s.unwrap_or(u64::MAX)),
            Self::Progress => {
                let within = match shard.progress {
                    Progress::None | Progress::Unmeasured => 0,
                    Progress::Percent(percent) => u64::from(percent),
                    Progress::Done => 100,
                };
                Rank(stop_rank(shard) * 1_000 + within)
            }
        }
    }
}

/// Where a shard stands in an order: the smaller, the further up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cockpit) struct Rank(u64);

fn stop_rank(shard: &ShardView) -> u64 {
    let stage = crate::base::Stage::ALL
        .iter()
        .position(|s| *s == shard.stop.stage());
    let share = match shard.stop {
        crate::base::Stop::Shift(percent) => u64::from(percent),
        crate::base::Stop::Drop => 1,
        _ => 0,
    };
    u64::try_from(stage.unwrap_or(0)).unwrap_or(0) * 1_000 + share
}

/// How much a mark wants to be looked at.
fn gravity(sign: Sign) -> u64 {
    match sign {
        Sign::Failed => 9,
        Sign::Unknown => 8,
        Sign::NeedsHuman => 7,
        Sign::Throttled => 6,
        Sign::RolledBack => 5,
        Sign::Paused => 4,
        Sign::Held => 3,
        Sign::Running | Sign::Partly => 2,
        Sign::NotYet => 1,
        Sign::Done => 0,
    }
}
