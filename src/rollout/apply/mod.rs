//! Folds one fact into the state. Total: any fact from a verified journal
//! applies, and nothing else ever changes the state.

mod approvals;
mod scope;
mod settle;

use super::command::Scope;
use super::event::{Event, Fact};
use super::state::{Opening, Phase, RingState, Rollout, ShardState, State, Undo, Verified};
use super::tally::Tally;
use crate::base::{Digest, RingName, ShardName, Stage, Stop, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Applies a fact.
pub fn apply(state: &mut State, fact: &Fact) {
    state.facts += 1;
    if let Event::RolloutOpened(opening) = &fact.event {
        let before = state.rollout.as_ref();
        let carried = approvals::carried(before, opening, fact);
        let glass = approvals::owed(before, fact.at);
        let mut rollout = opened((**opening).clone(), fact.at);
        rollout.approvals = carried;
        rollout.glass = glass;
        state.rollout = Some(rollout);
        return;
    }
    if let Event::PeopleChanged(change) = &fact.event {
        state.people.apply(fact, change);
        return;
    }
    if let Event::HeadSealed(seal) = &fact.event {
        state.sealed = Some(seal.head);
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
        _ => scope::on_scope(rollout, fact),
    }
    approvals::on_approvals(rollout, fact);
    settle::settle(rollout, fact);
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
                tally: Tally::count(members.iter().map(|_| Some(None))),
                pending: None,
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
        forgotten: None,
        version: 0,
        keys: BTreeSet::new(),
        approvals: Vec::new(),
        glass: Vec::new(),
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
        ending: None,
        epoch: 0,
        pin: None,
        generation: 0,
        verified: None,
        to_know: Vec::new(),
        share_percent: 0,
        rows_per_s_max: None,
        version: 0,
    }
}

/// Changes a shard, and with it the tally of its ring: no other place may
/// touch where a shard stands.
fn change<T>(
    rollout: &mut Rollout,
    name: &ShardName,
    how: impl FnOnce(&mut ShardState, &Opening) -> T,
) -> Option<T> {
    let Rollout {
        opening,
        rings,
        shards,
        ..
    } = rollout;
    let shard = shards.get_mut(name)?;
    let before = shard.reached(opening);
    let answer = how(shard, opening);
    let after = shard.reached(opening);
    if before != after
        && let Some(ring) = rings.get_mut(&shard.ring)
    {
        ring.tally.moved(before, after);
    }
    Some(answer)
}

/// Facts about one shard. False: the fact is one that also exists wider.
fn on_shard(rollout: &mut Rollout, name: &ShardName, fact: &Fact) -> bool {
    change(rollout, name, |shard, opening| {
        changed(shard, opening, fact)
    })
    .unwrap_or(false)
}

fn changed(shard: &mut ShardState, opening: &Opening, fact: &Fact) -> bool {
    match &fact.event {
        // Telemetry of identity: no dialog shows it, so no version moves.
        Event::ShardAttached { pin, epoch } => {
            shard.pin = Some(pin.clone());
            shard.epoch = *epoch;
        }
        Event::StageDone {
            stop,
            generation,
            evidence,
        } => {
            shard.generation = *generation;
            enter(shard, *stop, Phase::Done, fact.at);
            shard.to_know = evidence.notes.clone();
            if *stop == Stop::Verify {
                shard.verified = Some(Verified {
                    at: fact.at,
                    generation: *generation,
                    rows: evidence.rows,
                    evidence: evidence.digest.unwrap_or(Digest::ZERO),
                });
            }
        }
        Event::StageUndone { stop, .. } => {
            let before = opening.stop_before(shard.at);
            undone(shard, *stop, before, fact.at);
        }
        Event::ShardFailed { fault } => {
            shard.failure = Some(fault.clone());
            shard.phase = Phase::Failed;
            shard.since = fact.at;
        }
        Event::ShardRegressed { found, epoch, .. } => {
            shard.epoch = shard.epoch.max(*epoch);
            shard.verified = None;
            shard.to_know.clear();
            shard.failure = None;
            regressed(shard, *found, opening.stop_after(*found), fact.at);
        }
        Event::GenerationBumped { generation, .. } => {
            shard.generation = *generation;
            shard.verified = None;
        }
        Event::ShardFenced { epoch } => shard.epoch = shard.epoch.max(*epoch),
        Event::ShareSeen { percent, .. } => shard.share_percent = *percent,
        // No dialog shows it, so no version moves.
        Event::BlockerEnding { blocker } => shard.ending = Some(*blocker),
        Event::BlockerEnded { .. } => shard.ending = None,
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
    shard.to_know.clear();
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
