//! What was not as planned.

use super::account::Deviation;
use super::told::{Section, told};
use crate::base::{Cause, Stop};
use crate::rollout::{Event, Fact, Outcome, Phase, Rollout, Scope};
use crate::wire::describe;

/// What of a fact is a deviation; `rollout` as it was before it.
pub(super) fn of(seq: u64, fact: &Fact, rollout: &Rollout) -> Option<Deviation> {
    let by_rule = fact.cause != Cause::Operator;
    let what = match &fact.event {
        // What a person does openly is no deviation, but going back is.
        Event::Paused | Event::Held | Event::RollbackBegun { .. } if by_rule => {
            format!("{}, by a rule: {}", describe(fact), fact.cause)
        }
        Event::ShardAttached { pin, epoch } => another_database(fact, rollout, pin, *epoch)?,
        event if told(event).is_in(Section::Deviations) => describe(fact),
        _ => return None,
    };
    Some(Deviation {
        at: fact.at,
        scope: fact.scope.clone(),
        what,
        seq,
    })
}

fn another_database(fact: &Fact, rollout: &Rollout, pin: &str, epoch: u64) -> Option<String> {
    let Scope::Shard(name) = &fact.scope else {
        return None;
    };
    let shard = rollout.shards.get(name)?;
    // Until something of ours is on it, a database may be known by another
    // name: where it is, not what it is.
    let is_marked =
        shard.at > Stop::Expand || (shard.at, shard.phase) == (Stop::Expand, Phase::Done);
    let known = shard.pin.as_deref().filter(|_| is_marked)?;
    (known != pin)
        .then(|| format!("another database answers: {pin}, epoch {epoch}; it was {known}"))
}

/// Rings that the rollout went on without.
pub(super) fn left_out(rollout: &Rollout, fact: &Fact, seq: u64) -> Vec<Deviation> {
    if rollout.outcome != Some(Outcome::Done) {
        return Vec::new();
    }
    let gone = rollout
        .rings
        .iter()
        .filter(|(_, ring)| rollout.live(ring).next().is_none());
    gone.map(|(name, _)| Deviation {
        at: fact.at,
        scope: Scope::Ring(name.clone()),
        what: "not part of what was done: every shard of it was rolled back".into(),
        seq,
    })
    .collect()
}
