//! What a shard itself keeps of a rollout, and what of it no journal intended.
//!
//! A chain of entries proves nothing about what is not in it. The shards do:
//! whatever ran there was written down there, in the transaction in which it
//! began.

use crate::base::{ShardName, Stop};
use crate::journal::Head;
use crate::rollout::{Event, Fact, Scope};
use std::collections::BTreeSet;
use std::fmt;

/// A shard's own record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardRecord {
    /// The rollout in its registry.
    pub rollout: String,
    /// Digest of the plan that it was installed for, as it is written there.
    pub plan: String,
    /// The newest stop that began.
    pub begun: Option<Stop>,
    /// The newest stop that is finished.
    pub ended: Option<Stop>,
    /// Every stop that ever began, and what allowed it.
    pub witness: Vec<Witness>,
}

/// One stop that began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Where the journal ended that holds the intent.
    pub head: Head,
    /// Which stop.
    pub stop: Stop,
    /// The fence epoch of the engine.
    pub epoch: u64,
    /// Ids of the approvals that were used.
    pub approvals: Vec<String>,
}

/// Something on a shard that the journal does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unintended {
    /// Where.
    pub shard: ShardName,
    /// What, in words.
    pub what: String,
}

impl fmt::Display for Unintended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {}: {}", self.shard, self.what)
    }
}

/// What a journal says about one shard in one rollout.
#[derive(Default)]
struct Intents<'a> {
    plan: Option<String>,
    /// Stops that were to begin, each with its entry.
    begun: Vec<(u64, Stop)>,
    epochs: BTreeSet<u64>,
    used: BTreeSet<&'a str>,
}

impl<'a> Intents<'a> {
    fn of(facts: &'a [(u64, Fact)], rollout: &str, shard: &ShardName) -> Self {
        let mut intents = Self::default();
        let mut within = false;
        for (seq, fact) in facts {
            let here = fact.scope == Scope::Shard(shard.clone());
            match &fact.event {
                Event::RolloutOpened(opening) => {
                    within = opening.id == rollout;
                    if within {
                        intents.plan = Some(opening.plan_digest.to_string());
                    }
                }
                _ if !within => {}
                Event::StageBegun { stop, shards, .. } if shards.contains(shard) => {
                    intents.begun.push((*seq, *stop));
                }
                Event::ShardAttached { epoch, .. } if here => {
                    intents.epochs.insert(*epoch);
                }
                Event::ApprovalConsumed { id } => {
                    intents.used.insert(id);
                }
                _ => {}
            }
        }
        intents
    }

    fn began(&self, stop: Stop, until: u64) -> bool {
        self.begun
            .iter()
            .any(|(seq, s)| *s == stop && *seq <= until)
    }
}

impl ShardRecord {
    /// What happened on the shard without standing in the journal first. A
    /// finished stop whose outcome is not recorded yet is no such thing: an
    /// engine that dies in between leaves one, and the next one adopts it.
    pub fn unintended(&self, shard: &ShardName, facts: &[(u64, Fact)]) -> Vec<Unintended> {
        let intents = Intents::of(facts, &self.rollout, shard);
        let mut found = Vec::new();
        let mut find = |what: String| {
            let shard = shard.clone();
            found.push(Unintended { shard, what });
        };
        match &intents.plan {
            None => {
                find(format!(
                    "rollout {} was never opened in this journal",
                    self.rollout
                ));
                return found;
            }
            Some(plan) if *plan != self.plan => {
                let (here, there) = (&self.plan, plan);
                find(format!(
                    "plan {here} is installed, the journal opened {there}"
                ));
            }
            Some(_) => {}
        }
        for stop in [self.begun, self.ended].into_iter().flatten() {
            if !intents.began(stop, u64::MAX) {
                find(format!("{stop} ran, and no entry intends it"));
            }
        }
        for Witness {
            head,
            stop,
            epoch,
            approvals,
        } in &self.witness
        {
            let seq = head.seq;
            if !intents.began(*stop, seq) {
                find(format!(
                    "{stop} began at entry {seq}, and no entry up to there intends it"
                ));
            }
            if !intents.epochs.contains(epoch) {
                find(format!(
                    "{stop} was begun by an engine of epoch {epoch} that the journal does not know"
                ));
            }
            for id in approvals {
                if !intents.used.contains(id.as_str()) {
                    find(format!(
                        "{stop} began with approval {id}, which no entry says was used"
                    ));
                }
            }
        }
        found
    }
}
