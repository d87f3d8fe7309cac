//! Folds one fact into the state. Total: any fact from a verified journal
//! applies, and nothing else ever changes the state.

use super::command::Scope;
use super::event::{Event, Fact};
use super::state::{Mark, Opening, Phase, RingState, Rollout, ShardState, State, Undo, Verified};
use crate::base::{Cause, Digest, RingName, ShardName, Stage, Stop, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Applies a fact.
pub fn apply(state: &mut State, fact: &Fact) {
    state.facts += 1;
    if let Event::RolloutOpened(opening) = &fact.event {
        state.rollout = Some(opened((**opening).clone(), fact.at));
        return;
    }
    let Some(rollout) = state.rollout.as_mut() else {
        return;
    };
    if let Some(key) = &fact.key {
        rollout.keys.insert(key.clone());
    }
    match &fact.scope {
        Scope::Shard(name) if on_shard(rollout, name, fact) => {}
        _ => on_scope(rollout, fact),
    }
    settle(rollout, fact);
}

fn opened(opening: Opening, at: Timestamp) -> Rollout {
    let first = opening.route.first().copied().unwrap_or(Stop::Preflight);
    let mut rings = BTreeMap::new();
    let mut shards = BTreeMap::new();
    for (ring, members) in &opening.rings {
        for member in members {
            shards.insert(
                member.shard.clone(),
                new_shard(ring, &member.instance, first, at),
            );
        }
        rings.insert(
            ring.clone(),
            RingState {
                shards: members.iter().map(|m| m.shard.clone()).collect(),
                admitted: first,
                admitted_at: at,
                finished: BTreeMap::new(),
                hold: None,
                paused: None,
                rows_per_s_max: None,
                version: 0,
            },
        );
    }
    Rollout {
        opening,
        opened_at: at,
        rings,
        shards,
        hold: None,
        paused: None,
        rows_per_s_max: None,
        auto: None,
        aborting: None,
        outcome: None,
        version: 0,
        keys: BTreeSet::new(),
    }
}

fn new_shard(ring: &RingName, instance: &str, at: Stop, now: Timestamp) -> ShardState {
    ShardState {
        ring: ring.clone(),
        instance: instance.to_owned(),
        at,
        phase: Phase::Waiting,
        since: now,
        begun: None,
        undo: None,
        paused: None,
        failure: None,
        epoch: 0,
        pin: None,
        generation: 0,
        verified: None,
        share_percent: 0,
        rows_per_s_max: None,
        version: 0,
    }
}

/// Facts about one shard. False: the fact is one that also exists wider.
fn on_shard(rollout: &mut Rollout, name: &ShardName, fact: &Fact) -> bool {
    let before = rollout
        .shards
        .get(name)
        .and_then(|s| rollout.stop_before(s.at));
    let after_found = match &fact.event {
        Event::ShardRegressed { found, .. } => rollout.stop_after(*found),
        _ => None,
    };
    let Some(shard) = rollout.shards.get_mut(name) else {
        return false;
    };
    match &fact.event {
        Event::ShardAttached { pin, epoch } => {
            shard.pin = Some(pin.clone());
            shard.epoch = *epoch;
            // Telemetry of identity: no dialog shows it, so no version moves.
            return true;
        }
        Event::StageDone {
            stop,
            generation,
            evidence,
        } => {
            shard.generation = *generation;
            enter(shard, *stop, Phase::Done, fact.at);
            if *stop == Stop::Verify {
                shard.verified = Some(Verified {
                    at: fact.at,
                    generation: *generation,
                    rows: evidence.rows,
                    evidence: evidence.digest.unwrap_or(Digest::ZERO),
                });
            }
        }
        Event::StageUndone { stop } => undone(shard, *stop, before, fact.at),
        Event::ShardFailed { fault } => {
            shard.failure = Some(fault.clone());
            shard.phase = Phase::Failed;
            shard.since = fact.at;
        }
        Event::ShardRegressed { found, epoch, .. } => {
            shard.epoch = shard.epoch.max(*epoch);
            shard.verified = None;
            shard.failure = None;
            regressed(shard, *found, after_found, fact.at);
        }
        Event::GenerationBumped { generation, .. } => {
            shard.generation = *generation;
            shard.verified = None;
        }
        Event::ShardFenced { epoch } => shard.epoch = shard.epoch.max(*epoch),
        Event::ShareSeen { percent, .. } => shard.share_percent = *percent,
        Event::ShardAbandoned => enter(shard, shard.at, Phase::Abandoned, fact.at),
        _ => return false,
    }
    true
}

fn enter(shard: &mut ShardState, stop: Stop, phase: Phase, now: Timestamp) {
    shard.at = stop;
    shard.phase = phase;
    shard.since = now;
    if phase != Phase::Failed {
        shard.failure = None;
    }
}

/// The shard knows less than we did. What is being undone goes on from there:
/// the stop after the last finished one may be half done.
fn regressed(shard: &mut ShardState, found: Stop, next: Option<Stop>, now: Timestamp) {
    // The flag is not kept on the shard, and may have been set without anybody
    // living to tell: it counts as open wherever a shift had begun.
    let may_be = shard.begun.map_or(0, Stop::share_percent);
    shard.share_percent = shard.share_percent.max(may_be);
    let Some(undo) = shard.undo else {
        return enter(shard, found, Phase::Done, now);
    };
    if found > shard.at {
        // It lost the undo: begin again where the shard stands.
        let from = next.unwrap_or(found);
        shard.begun = shard.begun.max(Some(from));
        return enter(shard, from, Phase::RollingBack, now);
    }
    match next.filter(|next| *next > undo.to && shard.begun >= Some(*next)) {
        Some(next) => enter(shard, next, Phase::RollingBack, now),
        None => end_undo(shard, undo, found, now),
    }
}

fn end_undo(shard: &mut ShardState, undo: Undo, lands: Stop, now: Timestamp) {
    shard.undo = None;
    let phase = if undo.to <= Stop::Snapshot {
        Phase::RolledBack
    } else {
        Phase::Done
    };
    enter(shard, lands, phase, now);
}

fn undone(shard: &mut ShardState, stop: Stop, before: Option<Stop>, now: Timestamp) {
    // Taking publication back makes `up` the rule again for every row: what was
    // proved before it says nothing any more.
    let unpublished = before.is_some_and(|stop| stop.stage() < Stage::Shift);
    if stop <= Stop::Verify || unpublished {
        shard.verified = None;
    }
    shard.begun = before.filter(|_| shard.begun.is_some());
    let undo = shard.undo.unwrap_or(Undo {
        to: Stop::Snapshot,
        at: now,
    });
    let lands = before.unwrap_or(stop);
    if lands > undo.to {
        enter(shard, lands, Phase::RollingBack, now);
    } else {
        end_undo(shard, undo, lands, now);
    }
}

/// Facts that exist at every scope, and ring and fleet facts.
fn on_scope(rollout: &mut Rollout, fact: &Fact) {
    let mark = Mark {
        by: fact.actor.clone(),
        at: fact.at,
        reason: fact.reason.clone(),
        cause: fact.cause,
    };
    match &fact.event {
        Event::RingAdmitted { ring, stop, .. } => {
            if let Some(ring) = rollout.rings.get_mut(ring) {
                ring.admitted = *stop;
                ring.admitted_at = fact.at;
            }
        }
        Event::StageBegun { stop, shards, .. } => {
            for name in shards {
                if let Some(shard) = rollout.shards.get_mut(name) {
                    shard.begun = shard.begun.max(Some(*stop));
                    enter(shard, *stop, Phase::Running, fact.at);
                }
            }
        }
        Event::Held => set_hold(rollout, &fact.scope, Some(mark)),
        Event::Released => set_hold(rollout, &fact.scope, None),
        Event::Paused => set_pause(rollout, &fact.scope, Some(mark)),
        Event::Resumed => set_pause(rollout, &fact.scope, None),
        Event::Retried { shards } => retried(rollout, shards, fact.at),
        Event::RollbackBegun { to, shards } => rollback(rollout, &fact.scope, *to, shards, &mark),
        Event::AbortBegun => {
            rollout.auto = None;
            rollout.aborting = Some(mark);
        }
        Event::Throttled { rows_per_s_max } => set_cap(rollout, &fact.scope, *rows_per_s_max),
        Event::Automated { auto } => rollout.auto.clone_from(auto),
        Event::RolloutEnded { outcome } => rollout.outcome = Some(*outcome),
        _ => {}
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
        let Some(shard) = rollout.shards.get_mut(name) else {
            continue;
        };
        let phase = match (shard.phase, shard.undo) {
            (Phase::Failed, Some(_)) => Phase::RollingBack,
            (Phase::Failed, None) => Phase::Running,
            // A shard that was rolled back alone joins its ring again.
            (Phase::RolledBack, _) => Phase::Done,
            (other, _) => other,
        };
        let rejoins = shard.phase == Phase::RolledBack;
        let ring = shard.ring.clone();
        enter(shard, shard.at, phase, now);
        if rejoins {
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
        let from = rollout.shards.get(name).map(|s| rollout.undo_from(s));
        if let (Some(shard), Some(from)) = (rollout.shards.get_mut(name), from) {
            shard.undo = Some(Undo { to, at: mark.at });
            enter(shard, from, Phase::RollingBack, mark.at);
        }
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
            ring.hold = Some(held.clone());
        }
    }
}

/// What follows from where the shards stand now.
fn settle(rollout: &mut Rollout, fact: &Fact) {
    // Only a fact about shards can move what a ring has finished.
    match &fact.scope {
        Scope::Shard(name) => {
            if let Some(ring) = rollout.shards.get(name).map(|s| s.ring.clone()) {
                settle_ring(rollout, &ring, fact);
            }
        }
        Scope::Ring(name) => settle_ring(rollout, &name.clone(), fact),
        Scope::Fleet if matches!(fact.event, Event::StageBegun { .. }) => {}
        Scope::Fleet => {
            let names: Vec<RingName> = rollout.ring_order().cloned().collect();
            names
                .iter()
                .for_each(|name| settle_ring(rollout, name, fact));
        }
    }
    bump_versions(rollout, fact);
}

fn settle_ring(rollout: &mut Rollout, name: &RingName, fact: &Fact) {
    let Some(ring) = rollout.rings.get(name) else {
        return;
    };
    let mut finished_to = None;
    let mut all_idle = true;
    for (_, shard) in rollout.live(ring) {
        let done = match shard.phase {
            Phase::Done => Some(shard.at),
            _ => rollout.stop_before(shard.at),
        };
        all_idle &= shard.phase == Phase::Done;
        finished_to = Some(match finished_to {
            None => done,
            Some(lowest) => std::cmp::min(lowest, done),
        });
    }
    let finished_to = finished_to.flatten();
    let route = rollout.opening.route.clone();
    let regressed = matches!(fact.event, Event::ShardRegressed { .. });
    let Some(ring) = rollout.rings.get_mut(name) else {
        return;
    };
    ring.finished.retain(|stop, _| Some(*stop) <= finished_to);
    for stop in route.into_iter().filter(|stop| Some(*stop) <= finished_to) {
        ring.finished.entry(stop).or_insert(fact.at);
    }
    let touches = matches!(&fact.scope, Scope::Shard(shard) if ring.shards.contains(shard));
    if regressed && touches && all_idle {
        // The lost stages must be admitted again, through their gates.
        ring.admitted = finished_to.unwrap_or(ring.admitted);
    } else if regressed && touches {
        ring.admitted = ring.admitted.min(finished_to.unwrap_or(ring.admitted));
    }
}

fn bump_versions(rollout: &mut Rollout, fact: &Fact) {
    if matches!(
        fact.event,
        Event::ShardAttached { .. } | Event::ShareSeen { .. } | Event::Throttled { .. }
    ) {
        return;
    }
    rollout.version += 1;
    if let Event::StageBegun { shards, .. } = &fact.event {
        // Written for a batch; a ring that is not in it has not changed.
        let mut touched = BTreeSet::new();
        for name in shards {
            if let Some(shard) = rollout.shards.get_mut(name) {
                shard.version += 1;
                touched.insert(shard.ring.clone());
            }
        }
        let rings = rollout.rings.iter_mut();
        rings
            .filter(|(name, _)| touched.contains(*name))
            .for_each(|(_, ring)| ring.version += 1);
        return;
    }
    match &fact.scope {
        Scope::Fleet => {
            rollout.rings.values_mut().for_each(|r| r.version += 1);
            rollout.shards.values_mut().for_each(|s| s.version += 1);
        }
        Scope::Ring(name) => {
            if let Some(ring) = rollout.rings.get_mut(name) {
                ring.version += 1;
                for shard in ring.shards.clone() {
                    if let Some(shard) = rollout.shards.get_mut(&shard) {
                        shard.version += 1;
                    }
                }
            }
        }
        Scope::Shard(name) => {
            if let Some(shard) = rollout.shards.get_mut(name) {
                shard.version += 1;
                if let Some(ring) = rollout.rings.get_mut(&shard.ring) {
                    ring.version += 1;
                }
            }
        }
    }
}
