//! Orders and intents: facts about rings, the fleet, or any scope.

use super::{change, enter};
use crate::base::{Cause, RingName, ShardName, Stage, Stop, Timestamp};
use crate::rollout::command::Scope;
use crate::rollout::event::{Event, Fact};
use crate::rollout::pending::Pending;
use crate::rollout::state::{Mark, Phase, Rollout, Undo};

/// Facts that exist at every scope, and ring and fleet facts.
pub(super) fn on_scope(rollout: &mut Rollout, fact: &Fact) {
    let mark = || fact.mark();
    match &fact.event {
        Event::RingAdmitted { ring, stop, .. } => {
            if let Some(ring) = rollout.rings.get_mut(ring) {
                ring.admitted = *stop;
                ring.admitted_at = fact.at;
                ring.pending = None;
            }
        }
        Event::StageBegun { stop, shards, .. } => {
            for name in shards {
                change(rollout, name, |shard, _| {
                    shard.begun = shard.begun.max(Some(*stop));
                    enter(shard, *stop, Phase::Running, fact.at);
                });
            }
        }
        Event::PromotionScheduled(pending) => {
            set_pending(rollout, &fact.scope, Some((**pending).clone()));
        }
        Event::PromotionCancelled { .. } | Event::PromotionLapsed { .. } => {
            set_pending(rollout, &fact.scope, None);
        }
        Event::Held => set_hold(rollout, &fact.scope, Some(mark())),
        Event::Released => set_hold(rollout, &fact.scope, None),
        Event::Paused => set_pause(rollout, &fact.scope, Some(mark())),
        Event::Resumed => set_pause(rollout, &fact.scope, None),
        Event::Retried { shards } => retried(rollout, shards, fact.at),
        Event::RollbackBegun { to, shards } => rollback(rollout, &fact.scope, *to, shards, &mark()),
        Event::AbortBegun => {
            rollout.auto = None;
            // Nothing may promote what is being taken back.
            rollout.rings.values_mut().for_each(|r| r.pending = None);
            rollout.aborting = Some(mark());
        }
        Event::Throttled { rows_per_s_max } => set_cap(rollout, &fact.scope, *rows_per_s_max),
        Event::Automated { auto } => rollout.auto.clone_from(auto),
        Event::Forgotten => rollout.forgotten = Some(mark()),
        Event::RolloutEnded { outcome } => rollout.outcome = Some(*outcome),
        _ => {}
    }
}

fn set_pending(rollout: &mut Rollout, scope: &Scope, pending: Option<Pending>) {
    if let Scope::Ring(name) = scope
        && let Some(ring) = rollout.rings.get_mut(name)
    {
        ring.pending = pending;
    }
}

fn set_hold(rollout: &mut Rollout, scope: &Scope, mark: Option<Mark>) {
    match scope {
        Scope::Fleet => rollout.hold = mark,
        Scope::Ring(name) => {
            if let Some(ring) = rollout.rings.get_mut(name) {
                ring.hold = mark;
            }
        }
        Scope::Shard(_) => {}
    }
}

fn set_pause(rollout: &mut Rollout, scope: &Scope, mark: Option<Mark>) {
    match scope {
        Scope::Fleet => rollout.paused = mark,
        Scope::Ring(name) => {
            if let Some(ring) = rollout.rings.get_mut(name) {
                ring.paused = mark;
            }
        }
        Scope::Shard(name) => {
            if let Some(shard) = rollout.shards.get_mut(name) {
                shard.paused = mark;
            }
        }
    }
}

fn set_cap(rollout: &mut Rollout, scope: &Scope, cap: Option<u64>) {
    match scope {
        Scope::Fleet => rollout.rows_per_s_max = cap,
        Scope::Ring(name) => {
            if let Some(ring) = rollout.rings.get_mut(name) {
                ring.rows_per_s_max = cap;
            }
        }
        Scope::Shard(name) => {
            if let Some(shard) = rollout.shards.get_mut(name) {
                shard.rows_per_s_max = cap;
            }
        }
    }
}

fn retried(rollout: &mut Rollout, shards: &[ShardName], now: Timestamp) {
    for name in shards {
        let rejoins = change(rollout, name, |shard, _| {
            let phase = match (shard.phase, shard.undo) {
                (Phase::Failed, Some(_)) => Phase::RollingBack,
                (Phase::Failed, None) => Phase::Running,
                // A shard that was rolled back alone joins its ring again.
                (Phase::RolledBack, _) => Phase::Done,
                (other, _) => other,
            };
            let rejoins = shard.phase == Phase::RolledBack;
            enter(shard, shard.at, phase, now);
            rejoins.then(|| shard.ring.clone())
        });
        if let Some(ring) = rejoins.flatten() {
            readmit(rollout, &ring);
        }
    }
}

/// A shard that joins again runs by itself only up to the last stop before
/// shift: everything beyond it is promoted again, through its gates.
fn readmit(rollout: &mut Rollout, ring: &RingName) {
    let route = &rollout.opening.route;
    let last = route
        .iter()
        .copied()
        .rfind(|stop| stop.stage() < Stage::Shift);
    if let (Some(last), Some(ring)) = (last, rollout.rings.get_mut(ring)) {
        ring.admitted = ring.admitted.min(last);
    }
}

fn rollback(rollout: &mut Rollout, scope: &Scope, to: Stop, shards: &[ShardName], mark: &Mark) {
    // Nothing may promote what is being taken back; merge restore after the
    // last drop also goes on with a rollout that was done.
    if rollout.outcome.take().is_some() || *scope == Scope::Fleet {
        rollout.auto = None;
    }
    for name in shards {
        change(rollout, name, |shard, opening| {
            let from = shard.undo_from(opening);
            shard.undo = Some(Undo { to, at: mark.at });
            enter(shard, from, Phase::RollingBack, mark.at);
        });
    }
    // Undo ends held, and an undone stage must be admitted again.
    let held = Mark {
        cause: Cause::RolledBack,
        ..mark.clone()
    };
    let rings: Vec<RingName> = match scope {
        Scope::Fleet => rollout.rings.keys().cloned().collect(),
        Scope::Ring(name) => vec![name.clone()],
        // One shard that goes back but stays in its ring holds the ring back;
        // otherwise it would start again at once. Rolled back for good, the
        // ring goes on without it.
        Scope::Shard(name) if to > Stop::Snapshot => rollout
            .shards
            .get(name)
            .map(|shard| shard.ring.clone())
            .into_iter()
            .collect(),
        Scope::Shard(_) => Vec::new(),
    };
    if mark.cause == Cause::Guard {
        // What made one ring go back must not let the next one go on.
        rollout.hold = Some(held.clone());
    }
    for name in rings {
        if let Some(ring) = rollout.rings.get_mut(&name) {
            ring.admitted = ring.admitted.min(to);
            ring.pending = None;
            ring.hold = Some(held.clone());
        }
    }
}
