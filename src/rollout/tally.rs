//! How far the shards of a ring have come, counted.

use super::state::{Opening, Phase, ShardState};
use crate::base::Stop;
use serde::{Deserialize, Serialize};

/// The newest stop that a shard has finished; `None` before the first.
type Finished = Option<Stop>;

impl ShardState {
    /// Whether it counts for its ring's stage: not rolled back, not abandoned.
    pub fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::RolledBack | Phase::Abandoned)
    }

    /// The newest stop it has finished; the outer `None`: it is not live.
    pub fn reached(&self, opening: &Opening) -> Option<Finished> {
        self.is_live().then(|| match self.phase {
            Phase::Done => Some(self.at),
            _ => opening.stop_before(self.at),
        })
    }
}

/// How many live shards of a ring have finished up to which stop, lowest
/// first. It follows from the shards, and is kept so that a fact about one
/// shard of ten thousand need not look at the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(Vec<(Finished, u32)>);

impl Tally {
    /// Counts shards, each by what it has [reached](ShardState::reached).
    pub fn count(reached: impl IntoIterator<Item = Option<Finished>>) -> Self {
        let mut tally = Self::default();
        reached.into_iter().for_each(|to| tally.moved(None, to));
        tally
    }

    /// What every live shard has finished.
    pub fn lowest(&self) -> Finished {
        self.0.first().and_then(|(finished, _)| *finished)
    }

    /// One shard has moved. The outer `None`: it is not live.
    pub(super) fn moved(&mut self, from: Option<Finished>, to: Option<Finished>) {
        if let Some(from) = from {
            self.remove(from);
        }
        if let Some(to) = to {
            self.add(to);
        }
    }

    fn place(&self, finished: Finished) -> Result<usize, usize> {
        self.0.binary_search_by_key(&finished, |(there, _)| *there)
    }

    fn add(&mut self, finished: Finished) {
        match self.place(finished) {
            Ok(place) => self.0[place].1 += 1,
            Err(place) => self.0.insert(place, (finished, 1)),
        }
    }

    fn remove(&mut self, finished: Finished) {
        let Ok(place) = self.place(finished) else {
            return;
        };
        self.0[place].1 -= 1;
        if self.0[place].1 == 0 {
            self.0.remove(place);
        }
    }
}
