//! Compares what should be running with what runs, and starts and stops the
//! difference.

use super::book::Taken;
use super::clock;
use super::driver::Driver;
use super::setup::{Goal, Stopped};
use super::supervisor::{Engine, Running};
use super::throttle::Throttle;
use crate::base::{Cause, ShardName};
use crate::rollout::{Gate, Job, Observations, Phase, Refusal, Rollout, next, ready};
use crate::shard::{Direction, Shard};
use crate::worker::{Assignment, ChunkLimits, Run, Signal, Step, StopPlan, Warrant};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Reconcile rounds in one go; more means that two rules fight each other.
const ROUNDS_MAX: usize = 200;

impl Engine {
    /// Brings what runs to what should run.
    pub(super) async fn reconcile(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let now = clock::now();
            let wanted = next(self.setup.book.state(), &self.observations, now);
            self.wake_at = wanted.wake_at;
            let mut moved = false;
            for command in &wanted.commands {
                moved |= match self.take(command).await {
                    Taken::Recorded(_, facts) => !facts.is_empty(),
                    // A guard's pause works at once, too.
                    Taken::Unrecorded => true,
                    _ => false,
                };
            }
            if !moved {
                self.align(&wanted.jobs);
                self.end_blockers();
                let idle = self.is_idle(&wanted.jobs);
                self.goal_reached(idle);
                return;
            }
        }
        tracing::error!("the rules of this rollout do not come to rest");
    }

    /// Whether nothing moves: no job, or only jobs that the failed budget paused.
    fn is_idle(&self, wanted: &BTreeMap<ShardName, Job>) -> bool {
        let Some(rollout) = self.setup.book.state().open() else {
            return wanted.is_empty() && self.running.is_empty();
        };
        let paused = |name: &ShardName, job: Job| {
            let shard = rollout.shards.get(name);
            // A pause by a person waits for their resume; the failed budget's
            // own pause waits for somebody who may not be there.
            let budget = |s| {
                let mark = rollout.pause_over(s);
                mark.is_some_and(|m| m.cause == Cause::FailedBudget)
            };
            job != Job::CloseShare && shard.is_some_and(budget)
        };
        wanted.iter().all(|(name, job)| paused(name, *job))
            && self.running.iter().all(|(name, r)| paused(name, r.job))
    }

    pub(super) fn align(&mut self, wanted: &BTreeMap<ShardName, Job>) {
        let names: Vec<ShardName> = self.running.keys().cloned().collect();
        for name in &names {
            self.signal(name);
            let keeps = self.running.get(name).map(|r| r.job) == wanted.get(name).copied();
            if !keeps && let Some(running) = self.running.get(name) {
                running.signal.send_if_modified(|signal| {
                    let moved = signal.run != Run::Leave;
                    signal.run = Run::Leave;
                    moved
                });
            }
        }
        if self.is_behind() {
            // What works goes on; nothing new begins before it is recorded.
            return;
        }
        for (name, job) in wanted {
            if !self.running.contains_key(name) {
                self.start(name, *job);
            }
        }
    }

    pub(super) fn start(&mut self, name: &ShardName, job: Job) {
        let Some(shard) = self.setup.shards.get(name).map(Arc::clone) else {
            return;
        };
        let Some(rollout) = self.setup.book.state().open() else {
            return;
        };
        let Some(task) = self.assignment(rollout, name, job, shard.as_ref()) else {
            return;
        };
        let (signal, watched) = watch::channel(self.signal_of(rollout, name));
        let steps = match job {
            Job::Undo(_) => &task.plan.undo,
            Job::Advance(_) | Job::CloseShare => &task.plan.run,
        };
        let counts = steps.iter().any(|step| matches!(step, Step::Rows(_)));
        let rows = counts.then(|| shard.plan().rows_estimate);
        let meter = self.meters.entry(name.clone()).or_default();
        meter.begin(rows, clock::now());
        meter.expect(estimates(shard.as_ref(), job));
        let driver = Driver::new(shard, watched, self.told.clone());
        let task = self.tasks.spawn(driver.run(task)).id();
        let running = Running { job, signal, task };
        self.running.insert(name.clone(), running);
    }

    pub(super) fn assignment(
        &self,
        rollout: &Rollout,
        name: &ShardName,
        job: Job,
        shard: &dyn Shard,
    ) -> Option<Assignment> {
        let state = rollout.shards.get(name)?;
        let plan = match job {
            Job::Advance(stop) | Job::Undo(stop) => shard
                .plan()
                .plan
                .stops
                .get(&stop)
                .cloned()
                .unwrap_or_default(),
            Job::CloseShare => StopPlan {
                run: Vec::new(),
                undo: vec![Step::Share { percent: 0 }],
            },
        };
        let ended = match state.phase {
            Phase::Done => Some(state.at),
            _ => rollout.stop_before(state.at),
        };
        Some(Assignment {
            shard: name.clone(),
            rollout: rollout.opening.id.clone(),
            job,
            plan,
            ended,
            before: rollout.stop_before(state.at),
            pin: state.pin.clone(),
            warrant: Warrant {
                head: self.setup.book.head(),
                approvals: rollout.approvals_used(&state.ring, state.at),
            },
            known_epoch: state.epoch,
            known_generation: state.generation,
            epoch: self.epochs.get(name).copied(),
            ranges: self.setup.chunks.ranges,
            limits: ChunkLimits::from(&self.setup.chunks),
            attempts_max: rollout.opening.policy.attempts_max,
            variant: self.setup.variant,
        })
    }

    pub(super) fn signal_of(&self, rollout: &Rollout, name: &ShardName) -> Signal {
        let shard = rollout.shards.get(name);
        let paused = shard.is_some_and(|s| rollout.pause_over(s).is_some());
        let seen = self.observations.shard(name);
        let throttle = match seen {
            Some(seen) if seen.throttle_read_at.is_some() => seen.throttle.clone(),
            // Never read: closed.
            _ => vec![Throttle::stale(&self.setup.throttle, clock::now())],
        };
        let caps = [
            shard.and_then(|s| rollout.rows_per_s_max(s)),
            self.setup.chunks.rows_per_s_max,
        ];
        Signal {
            run: if paused { Run::Pause } else { Run::Go },
            throttle,
            target: self.setup.chunks.target,
            rows_per_s_max: caps.into_iter().flatten().min(),
            now: clock::now(),
        }
    }

    /// Tells a running driver what has changed, and only then.
    pub(super) fn signal(&self, name: &ShardName) {
        let Some(running) = self.running.get(name) else {
            return;
        };
        let Some(rollout) = self.setup.book.state().open() else {
            return;
        };
        let fresh = self.signal_of(rollout, name);
        running.signal.send_if_modified(|signal| {
            let leaving = signal.run == Run::Leave;
            let same = signal.run == fresh.run
                && signal.throttle == fresh.throttle
                && signal.rows_per_s_max == fresh.rows_per_s_max;
            if leaving || same {
                return false;
            }
            *signal = fresh;
            true
        });
    }

    pub(super) fn goal_reached(&mut self, idle: bool) {
        if self.stopped.is_some() || self.goal == Goal::Told || self.is_behind() {
            return;
        }
        let Some(rollout) = self.setup.book.state().open() else {
            self.stopped = Some(Stopped::Reached);
            return;
        };
        if !idle || self.setup.book.owes() {
            return;
        }
        self.stopped = match self.goal {
            Goal::Told => None,
            // A shard whose undo failed is not rolled back.
            Goal::RolledBack if rollout.failed_now().is_empty() => Some(Stopped::Reached),
            Goal::RolledBack => needs_human(rollout, &self.observations),
            Goal::Reached(stop) => {
                let nobody = rollout
                    .rings
                    .values()
                    .all(|r| rollout.ring_stop(r).is_none());
                let mut rings = rollout.rings.values();
                let there = rings.all(|ring| {
                    rollout.ring_stop(ring).is_none() || ring.finished.contains_key(&stop)
                });
                if nobody {
                    Some(Stopped::NeedsHuman(
                        "every shard is rolled back; retry shards to let them join again, or abort to end the rollout".into(),
                    ))
                } else if there {
                    Some(Stopped::Reached)
                } else {
                    needs_human(rollout, &self.observations)
                }
            }
        };
    }
}

/// Why nothing goes on by itself; `None` if time alone may change that.
fn needs_human(rollout: &Rollout, observations: &Observations) -> Option<Stopped> {
    let failed = rollout.failed_now();
    if let Some(name) = failed.first() {
        let fault = rollout.shards.get(*name).and_then(|s| s.failure.as_ref());
        let what = fault.map_or_else(|| "failed".to_owned(), ToString::to_string);
        let count = crate::wire::words::shards(failed.len());
        return Some(Stopped::NeedsHuman(format!("{count} failed; {what}")));
    }
    if let Some(mark) = &rollout.paused {
        return Some(Stopped::NeedsHuman(format!(
            "paused by {}: {}",
            mark.by, mark.reason
        )));
    }
    if let Some(mark) = &rollout.hold {
        return Some(Stopped::NeedsHuman(format!(
            "held by {}: {}",
            mark.by, mark.reason
        )));
    }
    stuck(rollout, observations)
}

/// Why automatic promotion moves no ring any more: each one is held, paused or
/// as far as it goes, or follows a ring that is. Other gates may open by
/// themselves, so one ring that only soaks keeps the run alive.
fn stuck(rollout: &Rollout, observations: &Observations) -> Option<Stopped> {
    let auto = rollout.auto.as_ref().map(|auto| auto.to);
    let mut first = None;
    for name in rollout.ring_order() {
        let Some(ring) = rollout.rings.get(name) else {
            continue;
        };
        let Some(stop) = rollout.next_stop(ring) else {
            continue;
        };
        let stopped_by = ring.hold.as_ref().or(ring.paused.as_ref());
        let why = if let Some(mark) = stopped_by {
            format!(
                "ring {name}: {} by {}: {}",
                mark.cause, mark.by, mark.reason
            )
        } else if auto < Some(stop) {
            format!("ring {name}: {stop} waits for promote")
        } else {
            let follows = match ready(rollout, observations, name, clock::now()) {
                Err(Refusal::Gates(readings)) => readings
                    .into_iter()
                    .find(|r| r.clears_at.is_none() && is_for_people(r.gate)),
                _ => None,
            };
            format!("ring {name}: {stop} waits, {}", follows?.value)
        };
        first = first.or(Some(why));
    }
    first.map(Stopped::NeedsHuman)
}

/// Gates that time alone never opens.
fn is_for_people(gate: Gate) -> bool {
    matches!(gate, Gate::RingOrder | Gate::Approval | Gate::FreshVerify)
}

/// What the steps of a job were estimated to take, in milliseconds.
fn estimates(shard: &dyn Shard, job: Job) -> BTreeMap<String, u64> {
    let (stop, direction) = match job {
        Job::Advance(stop) => (stop, Direction::Run),
        Job::Undo(stop) => (stop, Direction::Undo),
        Job::CloseShare => return BTreeMap::new(),
    };
    let listing = shard.plan().listing.iter();
    let mine = listing.filter(|step| step.stop == stop && step.direction == direction);
    mine.filter_map(|step| Some((step.title.clone(), step.estimate?.ms)))
        .collect()
}
