//! The engine as the simulator hosts it: reconcile, append, start and stop
//! workers. What it decides comes from the heart and the workers alone.

use super::process::brief;
use super::world::{Happening, Who, World};
use crate::base::Timestamp;
use crate::rollout::{self, Command, Decision, Event, Fact, Job, Observations, State};
use crate::worker::{
    Assignment, Input, LeadWorker, RangeOutcome, RangeWorker, Run, Step, StopPlan, Warrant,
};
use std::collections::BTreeMap;

/// The world begins here, so that clocks may jump back.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// One engine process.
pub(super) struct Engine {
    pub(super) state: State,
    pub(super) seen: Observations,
    pub(super) jobs: BTreeMap<usize, Running>,
    /// Epochs that this process took itself.
    pub(super) epochs: BTreeMap<usize, u64>,
    pub(super) clock_offset_ms: i64,
    pub(super) reconciles: bool,
    pub(super) wakes_at_ms: Option<u64>,
    /// The process stands still until then.
    pub(super) frozen_until_ms: u64,
}

/// One assignment under way.
pub(super) struct Running {
    pub(super) job: Job,
    pub(super) serial: u64,
    pub(super) lead: LeadWorker,
    pub(super) leaves: bool,
    pub(super) run: Run,
    pub(super) waits: Option<u64>,
    /// The server's boot that its connection belongs to.
    pub(super) connection: Option<u32>,
    pub(super) lanes: Vec<Lane>,
    /// Started before its record (a broken variant).
    early: bool,
}

/// One range of a fan.
pub(super) struct Lane {
    pub(super) worker: RangeWorker,
    pub(super) waits: Option<u64>,
    pub(super) connection: Option<u32>,
    pub(super) outcome: Option<RangeOutcome>,
}

impl World {
    pub(super) fn moment(&self, id: u32) -> Timestamp {
        let offset = self.engines.get(&id).map_or(0, |e| e.clock_offset_ms);
        Timestamp((EPOCH_MS + self.now_ms).saturating_add_signed(offset))
    }

    /// Says something to the heart. The facts are durable before anything
    /// else happens. `None`: the engine is gone.
    pub(super) fn command(&mut self, id: u32, command: &Command) -> Option<Decision> {
        let now = self.moment(id);
        let engine = self.engines.get(&id)?;
        let decision = match rollout::decide(&engine.state, &engine.seen, command, now) {
            Ok(decision) => decision,
            Err(refusal) => {
                self.note(|| format!("e{id} refused {command:?}: {refusal}"));
                self.mark("refusals");
                return Some(Decision::Repeated);
            }
        };
        if let Decision::Facts(facts) = &decision {
            if self.journal.append(id, facts).is_err() {
                self.note(|| format!("engine {id} does not own the journal any more"));
                self.mark("deposed engines stopped by the journal");
                self.engines.remove(&id);
                return None;
            }
            for fact in facts {
                self.fold(id, fact);
            }
            if let Some(engine) = self.engines.get_mut(&id)
                && !engine.reconciles
            {
                engine.reconciles = true;
                self.after(0, Happening::Reconcile(id));
            }
        }
        Some(decision)
    }

    fn fold(&mut self, id: u32, fact: &Fact) {
        self.note(|| {
            format!(
                "e{id} fact {} by {} ({}): {:?} {}",
                fact.scope,
                fact.actor,
                fact.cause,
                brief(&fact.event),
                fact.reason
            )
        });
        self.mark(format!("fact {}", fact.event.kind()));
        if let Event::ShardFailed { fault } = &fact.event {
            self.mark(format!("failed {}", fault.code));
        }
        if let (Event::StageDone { stop, .. }, rollout::Scope::Shard(name)) =
            (&fact.event, &fact.scope)
            && let Some(shard) = self.shape.shards.iter().position(|n| n == name)
        {
            self.judge_finished(shard, *stop);
        }
        if let Some(engine) = self.engines.get_mut(&id) {
            rollout::apply(&mut engine.state, fact);
        }
    }

    pub(super) fn reconcile(&mut self, id: u32) {
        let now = self.moment(id);
        let Some(engine) = self.engines.get_mut(&id) else {
            return;
        };
        engine.reconciles = false;
        if engine.wakes_at_ms.is_some_and(|at| at <= self.now_ms) {
            engine.wakes_at_ms = None;
        }
        let mut wanted = rollout::next(&engine.state, &engine.seen, now);
        let commands = std::mem::take(&mut wanted.commands);
        for command in commands {
            if self.options.variant.acts_before_record() && self.begin_early(id, &command) {
                continue;
            }
            if self.command(id, &command).is_none() {
                return;
            }
        }
        let Some(engine) = self.engines.get(&id) else {
            return;
        };
        // What was appended just now may change what is wanted.
        let mut wanted = rollout::next(&engine.state, &engine.seen, now);
        let jobs = std::mem::take(&mut wanted.jobs);
        for shard in 0..self.shape.shards.len() {
            let job = jobs.get(&self.shape.shards[shard]).copied();
            self.align(id, shard, job);
        }
        self.refresh_signals(id);
        if let Some(at) = wanted.wake_at {
            self.wake_at(id, at.0.saturating_sub(now.0));
        }
    }

    fn wake_at(&mut self, id: u32, in_ms: u64) {
        let at_ms = self.now_ms + in_ms.max(1);
        let Some(engine) = self.engines.get_mut(&id) else {
            return;
        };
        if engine.wakes_at_ms.is_none_or(|set| at_ms < set) {
            engine.wakes_at_ms = Some(at_ms);
            self.after(in_ms.max(1), Happening::Reconcile(id));
        }
    }

    /// The broken engine that starts first and writes down later.
    fn begin_early(&mut self, id: u32, command: &Command) -> bool {
        let Command::Begin { shards, stop } = command else {
            return false;
        };
        let places: Vec<usize> = shards
            .iter()
            .filter_map(|name| self.shape.shards.iter().position(|n| n == name))
            .collect();
        let mut started = false;
        for shard in places {
            let busy = self
                .engines
                .get(&id)
                .is_none_or(|engine| engine.jobs.contains_key(&shard));
            if !busy {
                self.start(id, shard, Job::Advance(*stop), true);
                started = true;
            }
        }
        if started {
            self.after(100, Happening::LateBegin(id, command.clone()));
        }
        true
    }

    fn align(&mut self, id: u32, shard: usize, job: Option<Job>) {
        let Some(engine) = self.engines.get_mut(&id) else {
            return;
        };
        match (engine.jobs.get_mut(&shard), job) {
            (Some(running), job) => {
                running.early &= job != Some(running.job);
                if job != Some(running.job) && !running.early {
                    running.leaves = true;
                }
            }
            (None, Some(job)) => self.start(id, shard, job, false),
            (None, None) => {}
        }
    }

    fn start(&mut self, id: u32, shard: usize, job: Job, early: bool) {
        self.serial += 1;
        let serial = self.serial;
        let Some(task) = self.assignment(id, shard, job) else {
            return;
        };
        let Some(engine) = self.engines.get_mut(&id) else {
            return;
        };
        engine.jobs.insert(
            shard,
            Running {
                job,
                serial,
                lead: LeadWorker::new(task),
                leaves: false,
                run: Run::Go,
                waits: None,
                connection: None,
                lanes: Vec::new(),
                early,
            },
        );
        self.note(|| format!("e{id} starts {job:?} on s{shard}"));
        let who = Who {
            engine: id,
            shard,
            serial,
            lane: None,
        };
        self.drive(who, Input::Start);
    }

    fn assignment(&self, id: u32, shard: usize, job: Job) -> Option<Assignment> {
        let name = &self.shape.shards[shard];
        let engine = self.engines.get(&id)?;
        let rollout = engine.state.open()?;
        let state = rollout.shards.get(name)?;
        let stop = match job {
            Job::Advance(stop) | Job::Undo(stop) => stop,
            Job::CloseShare => state.at,
        };
        let plan = match job {
            Job::CloseShare => StopPlan {
                run: Vec::new(),
                undo: vec![Step::Share { percent: 0 }],
            },
            _ => self.shape.plan.stops.get(&stop).cloned()?,
        };
        let done = state.phase == rollout::Phase::Done;
        Some(Assignment {
            shard: name.clone(),
            rollout: rollout.opening.id.clone(),
            job,
            plan,
            ended: if done {
                Some(state.at)
            } else {
                rollout.stop_before(stop)
            },
            before: rollout.stop_before(stop),
            pin: state.pin.clone(),
            warrant: Warrant::default(),
            known_epoch: state.epoch,
            known_generation: state.generation,
            epoch: engine.epochs.get(&shard).copied(),
            ranges: self.shape.ranges,
            limits: self.shape.limits,
            attempts_max: rollout.opening.policy.attempts_max,
            variant: self.options.variant,
        })
    }
}
