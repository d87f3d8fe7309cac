//! What was not as planned.

use super::account::Deviation;
use crate::base::{Cause, Stop};
use crate::rollout::{Event, Fact, Outcome, Phase, Rollout, Scope};
use crate::wire::describe;

/// What of a fact is a deviation; `rollout` as it was before it. Exhaustive:
/// what goes as planned is named here.
pub(super) fn of(seq: u64, fact: &Fact, rollout: &Rollout) -> Option<Deviation> {
    let what = match &fact.event {
        Event::ShardRegressed { .. }
        | Event::GenerationBumped { .. }
        | Event::ShardFenced { .. }
        | Event::AbortBegun
        | Event::ShardAbandoned
        | Event::GlassBroken { .. } => describe(fact),
        Event::RollbackBegun { .. } => match fact.cause {
            Cause::Operator => describe(fact),
            cause => format!("{}, by a rule: {cause}", describe(fact)),
        },
        Event::Paused | Event::Held if fact.cause != Cause::Operator => {
            format!("{}, by a rule: {}", describe(fact), fact.cause)
        }
        Event::ShardAttached { pin, epoch } => another_database(fact, rollout, pin, *epoch)?,
        Event::RolloutOpened(_)
        | Event::RingAdmitted { .. }
        | Event::StageBegun { .. }
        | Event::StageDone { .. }
        | Event::StageUndone { .. }
        | Event::ShardFailed { .. }
        | Event::ShareSeen { .. }
        | Event::Held
        | Event::Released
        | Event::Paused
        | Event::Resumed
        | Event::Retried { .. }
        | Event::Throttled { .. }
        | Event::Automated { .. }
        | Event::PromotionScheduled(_)
        | Event::Forgotten
        | Event::PromotionCancelled { .. }
        | Event::PromotionLapsed { .. }
        | Event::ApprovalRequested(_)
        | Event::ApprovalGiven { .. }
        | Event::ApprovalRejected { .. }
        | Event::ApprovalWithdrawn { .. }
        | Event::ApprovalConsumed { .. }
        | Event::GlassReviewed
        | Event::PeopleChanged(_)
        | Event::HeadSealed(_)
        | Event::RolloutEnded { .. } => return None,
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
