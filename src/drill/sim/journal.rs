//! The journal of a simulated fleet: facts in order, one owner, a running hash.

use crate::base::{Digest, ShardName, Stop};
use crate::rollout::{Event, Fact, State, apply};
use std::collections::BTreeSet;

#[derive(Default)]
pub(super) struct Journal {
    pub(super) facts: Vec<Fact>,
    hash: Option<Digest>,
    /// The engine that may append.
    pub(super) owner: u32,
    /// Stops whose beginning is on record, by shard.
    begun: BTreeSet<(ShardName, Stop)>,
    /// Shards whose undoing is on record.
    undoing: BTreeSet<ShardName>,
}

impl Journal {
    /// Appends, durably, or says that somebody else owns the journal.
    pub(super) fn append(&mut self, engine: u32, facts: &[Fact]) -> Result<(), ()> {
        if self.owner != engine {
            return Err(());
        }
        for fact in facts {
            match &fact.event {
                Event::StageBegun { stop, shards, .. } => {
                    self.begun
                        .extend(shards.iter().map(|name| (name.clone(), *stop)));
                }
                Event::RollbackBegun { shards, .. } => self.undoing.extend(shards.iter().cloned()),
                _ => {}
            }
            let bytes = serde_json::to_vec(fact).unwrap_or_default();
            let before = self.hash();
            self.hash = Some(Digest::of("sim/entry", &[before.bytes(), &bytes]));
            self.facts.push(fact.clone());
        }
        Ok(())
    }

    pub(super) fn hash(&self) -> Digest {
        self.hash.unwrap_or(Digest::ZERO)
    }

    pub(super) fn covers_run(&self, shard: &ShardName, stop: Stop) -> bool {
        self.begun.contains(&(shard.clone(), stop))
    }

    pub(super) fn covers_undo(&self, shard: &ShardName) -> bool {
        self.undoing.contains(shard)
    }

    /// What an engine that starts now knows.
    pub(super) fn replay(&self) -> State {
        let mut state = State::default();
        for fact in &self.facts {
            apply(&mut state, fact);
        }
        state
    }
}
