//! `next(state, observations) -> what should be running right now`.
//!
//! The engine compares this with what does run, and starts, stops and
//! appends the difference.

use super::command::{Command, Order, Scope, Verb};
use super::guard;
use super::observation::Observations;
use super::pending;
use super::promote;
use super::refusal::Refusal;
use super::state::{Phase, Rollout, ShardState, State};
use crate::base::{Actor, Cause, Period, RingName, ShardName, Stage, Stop, Timestamp};
use std::collections::BTreeMap;

/// While aborting, a failed shard is tried again after this long.
const ABORT_RETRY: Period = Period::from_ms(10_000);

/// The difference between what is and what should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Next {
    /// What the engine should say to the heart, in this order.
    pub commands: Vec<Command>,
    /// What should be at work on each shard.
    pub jobs: BTreeMap<ShardName, Job>,
    /// When time alone will change the answer.
    pub wake_at: Option<Timestamp>,
}

/// Work on one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Finish this stop.
    Advance(Stop),
    /// Undo this stop.
    Undo(Stop),
    /// The shard stands before shift: bring its flag back to 0 %.
    CloseShare,
}

/// What should be running, and what the engine should ask for.
pub fn next(state: &State, observations: &Observations, now: Timestamp) -> Next {
    let mut out = Next::default();
    let Some(rollout) = state.open() else {
        return out;
    };
    for (name, shard) in &rollout.shards {
        if let Some(job) = job(rollout, observations, shard) {
            out.jobs.insert(name.clone(), job);
        }
    }
    out.commands
        .extend(guard::orders(rollout, observations, now));
    begin(rollout, &mut out);
    automatic(rollout, observations, now, &mut out);
    pending::due(rollout, &state.people, observations, now, &mut out);
    abort_retries(rollout, now, &mut out);
    out
}

fn job(rollout: &Rollout, observations: &Observations, shard: &ShardState) -> Option<Job> {
    let before_shift = shard.at.stage() < Stage::Shift;
    let gone = matches!(shard.phase, Phase::Abandoned);
    // An undo too: the trigger goes only after the flag is seen back.
    if shard.share_percent > 0 && before_shift && !gone {
        return Some(Job::CloseShare);
    }
    match shard.phase {
        Phase::Running => Some(Job::Advance(shard.at)),
        Phase::RollingBack if later_rings_are_undone(rollout, observations, shard) => {
            Some(Job::Undo(shard.at))
        }
        _ => None,
    }
}

/// Rings roll back in reverse order; a shard that nobody can reach does not
/// keep the others in a half-migrated state.
fn later_rings_are_undone(
    rollout: &Rollout,
    observations: &Observations,
    shard: &ShardState,
) -> bool {
    rollout
        .ring_order()
        .rev()
        .take_while(|name| **name != shard.ring)
        .filter_map(|name| rollout.rings.get(name))
        .flat_map(|ring| &ring.shards)
        .all(|name| {
            let unreachable = observations
                .shard(name)
                .is_some_and(|seen| seen.unreachable_since.is_some());
            let phase = rollout.shards.get(name).map(|s| s.phase);
            unreachable || phase != Some(Phase::RollingBack)
        })
}

/// Shards that are admitted and free to begin, batched by stop.
fn begin(rollout: &Rollout, out: &mut Next) {
    if rollout.aborting.is_some() {
        return;
    }
    let mut running: BTreeMap<&str, u32> = BTreeMap::new();
    for shard in rollout.shards.values() {
        if matches!(shard.phase, Phase::Running | Phase::RollingBack) {
            *running.entry(&shard.instance).or_default() += 1;
        }
    }
    let mut due: BTreeMap<Stop, Vec<ShardName>> = BTreeMap::new();
    for ring in rollout
        .ring_order()
        .filter_map(|name| rollout.rings.get(name))
    {
        for (name, shard) in rollout.live(ring) {
            let stop = match shard.phase {
                Phase::Waiting => Some(shard.at),
                Phase::Done => rollout.stop_after(shard.at),
                _ => None,
            };
            let Some(stop) = stop.filter(|stop| *stop <= ring.admitted) else {
                continue;
            };
            let share_is_open = shard.share_percent > 0 && shard.at.stage() < Stage::Shift;
            if rollout.pause_over(shard).is_some() || share_is_open {
                continue;
            }
            let cap = rollout.opening.instance_caps.get(&shard.instance);
            let used = running.entry(&shard.instance).or_default();
            if cap.is_some_and(|cap| *used >= *cap) {
                continue;
            }
            *used += 1;
            due.entry(stop).or_default().push(name.clone());
        }
    }
    out.commands.extend(
        due.into_iter()
            .map(|(stop, shards)| Command::Begin { shards, stop }),
    );
}

/// Automatic promotion asks like everybody else, and waits like everybody else.
fn automatic(rollout: &Rollout, observations: &Observations, now: Timestamp, out: &mut Next) {
    let Some(auto) = &rollout.auto else {
        return;
    };
    if rollout.aborting.is_some() || rollout.paused.is_some() {
        return;
    }
    for ring in rollout.ring_order() {
        match promote::ready(rollout, observations, ring, now) {
            Ok(ready) if ready.to <= auto.to => {
                let reason = format!("automatic up to {}, switched on by {}", auto.to, auto.by);
                out.commands.push(Command::Order(engine_order(
                    rollout,
                    Scope::Ring(ring.clone()),
                    Verb::Promote,
                    Cause::Automatic,
                    reason,
                )));
            }
            Ok(_) => {}
            Err(refusal) => sooner(&mut out.wake_at, clears_at(&refusal)),
        }
    }
}

pub(super) fn clears_at(refusal: &Refusal) -> Option<Timestamp> {
    match refusal {
        Refusal::Gates(readings) => readings.iter().filter_map(|r| r.clears_at).max(),
        _ => None,
    }
}

pub(super) fn sooner(wake_at: &mut Option<Timestamp>, candidate: Option<Timestamp>) {
    *wake_at = match (*wake_at, candidate) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}

fn abort_retries(rollout: &Rollout, now: Timestamp, out: &mut Next) {
    if rollout.aborting.is_none() {
        return;
    }
    for (name, shard) in &rollout.shards {
        if shard.phase != Phase::Failed {
            continue;
        }
        let due = shard.since.after(ABORT_RETRY);
        if now < due {
            sooner(&mut out.wake_at, Some(due));
            continue;
        }
        out.commands.push(Command::Order(engine_order(
            rollout,
            Scope::Shard(name.clone()),
            Verb::Retry,
            Cause::Reconcile,
            "aborting keeps trying".into(),
        )));
    }
}

/// An order by the engine. Its key is derived from the scope's version, so
/// that asking twice about the same state is one act.
pub(super) fn engine_order(
    rollout: &Rollout,
    scope: Scope,
    verb: Verb,
    cause: Cause,
    reason: String,
) -> Order {
    let version = rollout.version_of(&scope);
    let key = format!("engine/{}/{scope}/{}", verb.word(), version.unwrap_or(0));
    Order {
        key,
        actor: Actor::engine(),
        cause,
        scope,
        verb,
        seen: version,
        confirm: None,
        reason,
    }
}

/// The automatic thing that happens next to a ring, for people.
pub fn next_automatic(
    rollout: &Rollout,
    observations: &Observations,
    ring: &RingName,
    now: Timestamp,
) -> Option<(Stop, Option<Timestamp>)> {
    let auto = rollout.auto.as_ref()?;
    let state = rollout.rings.get(ring)?;
    let to = rollout.next_stop(state)?;
    if to > auto.to {
        return None;
    }
    match promote::ready(rollout, observations, ring, now) {
        Ok(_) => Some((to, Some(now))),
        Err(refusal) => Some((to, clears_at(&refusal))),
    }
}
