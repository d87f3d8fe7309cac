//! The engine as the simulator hosts it: reconcile, append, start and stop
//! workers. What it decides comes from the heart and the workers alone.

use super::process::brief;
use super::world::{Happening, Who, World};
use crate::base::{Period, Timestamp};
use crate::rollout::{self, Command, Decision, Event, Fact, Job, Observations, Report, State};
use crate::worker::{
    Assignment, Do, ErrorKind, Input, LeadWorker, RangeDo, RangeInput, RangeOutcome, RangeWorker,
    Reply, Run, Signal, Step, StopPlan,
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
}

/// One assignment under way.
pub(super) struct Running {
    pub(super) job: Job,
    pub(super) serial: u64,
    lead: LeadWorker,
    leaves: bool,
    run: Run,
    waits: Option<u64>,
    /// The server's boot that its connection belongs to.
    connection: Option<u32>,
    lanes: Vec<Lane>,
    /// Started before its record (a broken variant).
    early: bool,
}

struct Lane {
    worker: RangeWorker,
    waits: Option<u64>,
    connection: Option<u32>,
    outcome: Option<RangeOutcome>,
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
            known_epoch: state.epoch,
            known_generation: state.generation,
            epoch: engine.epochs.get(&shard).copied(),
            ranges: self.shape.ranges,
            limits: self.shape.limits,
            attempts_max: rollout.opening.policy.attempts_max,
            variant: self.options.variant,
        })
    }

    fn running(&mut self, who: Who) -> Option<&mut Running> {
        self.engines
            .get_mut(&who.engine)?
            .jobs
            .get_mut(&who.shard)
            .filter(|running| running.serial == who.serial)
    }

    fn run_of(&self, id: u32, shard: usize) -> Run {
        let Some(engine) = self.engines.get(&id) else {
            return Run::Leave;
        };
        let leaves = engine.jobs.get(&shard).is_some_and(|r| r.leaves);
        let Some(rollout) = engine.state.open().filter(|_| !leaves) else {
            return Run::Leave;
        };
        let state = rollout.shards.get(&self.shape.shards[shard]);
        match state.and_then(|state| rollout.pause_over(state)) {
            Some(_) => Run::Pause,
            None => Run::Go,
        }
    }

    fn signal(&self, who: Who) -> Signal {
        let name = &self.shape.shards[who.shard];
        let engine = self.engines.get(&who.engine);
        let throttle = engine
            .and_then(|e| e.seen.shard(name))
            .map_or_else(Vec::new, |seen| seen.throttle.clone());
        let rows_per_s_max = engine
            .and_then(|e| e.state.open())
            .and_then(|r| r.rows_per_s_max(r.shards.get(name)?));
        Signal {
            run: self.run_of(who.engine, who.shard),
            throttle,
            target: Period::from_ms(20),
            rows_per_s_max,
            now: self.moment(who.engine),
        }
    }

    /// A waiting worker looks up when its signal changes.
    fn refresh_signals(&mut self, id: u32) {
        for shard in 0..self.shape.shards.len() {
            let run = self.run_of(id, shard);
            let Some(running) = self
                .engines
                .get_mut(&id)
                .and_then(|e| e.jobs.get_mut(&shard))
                .filter(|running| running.run != run)
            else {
                continue;
            };
            running.run = run;
            let serial = running.serial;
            let mut due: Vec<(Option<usize>, u64)> =
                running.waits.map(|t| (None, t)).into_iter().collect();
            let lanes = running.lanes.iter().enumerate();
            due.extend(lanes.filter_map(|(n, lane)| Some((Some(n), lane.waits?))));
            for (lane, token) in due {
                let who = Who {
                    engine: id,
                    shard,
                    serial,
                    lane,
                };
                self.after(0, Happening::Woke { who, token });
            }
        }
    }

    /// Each worker has a connection of its own. One that died with its server
    /// fails the next call; only then is a new one opened.
    pub(super) fn connection(&mut self, who: Who) -> Option<&mut Option<u32>> {
        let running = self.running(who)?;
        match who.lane {
            None => Some(&mut running.connection),
            Some(n) => running.lanes.get_mut(n).map(|lane| &mut lane.connection),
        }
    }

    pub(super) fn take_reply(&mut self, who: Who, reply: Reply) {
        let broken = matches!(
            &reply,
            Reply::Error(error) if matches!(error.kind, ErrorKind::Unknown | ErrorKind::Unreachable)
        );
        if broken && let Some(connection) = self.connection(who) {
            *connection = None;
        }
        match who.lane {
            None => self.drive(who, Input::Reply(reply)),
            Some(n) => self.drive_lane(who, n, RangeInput::Reply(reply)),
        }
    }

    pub(super) fn woke(&mut self, who: Who, token: u64) {
        let Some(running) = self.running(who) else {
            return;
        };
        match who.lane {
            None if running.waits == Some(token) => self.drive(who, Input::Woke),
            Some(n) if running.lanes.get(n).is_some_and(|l| l.waits == Some(token)) => {
                self.drive_lane(who, n, RangeInput::Woke);
            }
            _ => {}
        }
    }

    fn drive(&mut self, who: Who, mut input: Input) {
        loop {
            let signal = self.signal(who);
            let Some(running) = self.running(who) else {
                return;
            };
            running.waits = None;
            match running.lead.step(input, &signal) {
                Do::Call(call) => return self.send(who, call),
                Do::Wait(period, _) => {
                    self.serial += 1;
                    let token = self.serial;
                    if let Some(running) = self.running(who) {
                        running.waits = Some(token);
                    }
                    return self.after(period.ms(), Happening::Woke { who, token });
                }
                Do::Fan(tasks) => {
                    let lane = |task| Lane {
                        worker: RangeWorker::new(task),
                        waits: None,
                        connection: None,
                        outcome: None,
                    };
                    running.lanes = tasks.into_iter().map(lane).collect();
                    for n in 0..running.lanes.len() {
                        let who = Who {
                            lane: Some(n),
                            ..who
                        };
                        self.drive_lane(who, n, RangeInput::Start);
                    }
                    return;
                }
                Do::Report(report) => {
                    if !self.report(who, report) {
                        return;
                    }
                    input = Input::Reported;
                }
                Do::End(report) => return self.end_job(who, report),
            }
        }
    }

    fn end_job(&mut self, who: Who, report: Option<Report>) {
        self.note(|| format!("e{} s{} ends: {report:?}", who.engine, who.shard));
        if let Some(report) = report
            && !self.report(who, report)
        {
            return;
        }
        if let Some(engine) = self.engines.get_mut(&who.engine) {
            engine.jobs.remove(&who.shard);
            self.after(0, Happening::Reconcile(who.engine));
        }
    }

    fn drive_lane(&mut self, who: Who, n: usize, input: RangeInput) {
        let signal = self.signal(who);
        let proved = matches!(
            &input,
            RangeInput::Reply(Reply::Closed { empty: true } | Reply::Range(_))
        );
        let Some(lane) = self.running(who).and_then(|r| r.lanes.get_mut(n)) else {
            return;
        };
        lane.waits = None;
        match lane.worker.step(input, &signal) {
            RangeDo::Call(call) => self.send(who, call),
            RangeDo::Wait(period, _) => {
                self.serial += 1;
                let token = self.serial;
                if let Some(lane) = self.running(who).and_then(|r| r.lanes.get_mut(n)) {
                    lane.waits = Some(token);
                }
                self.after(period.ms(), Happening::Woke { who, token });
            }
            RangeDo::End(outcome) => {
                lane.outcome = Some(outcome.clone());
                if matches!(outcome, RangeOutcome::Done { .. }) && !proved {
                    let what = format!("range {n} counts as done without the shard's word");
                    self.violated("I23", what);
                }
                let Some(running) = self.running(who) else {
                    return;
                };
                let outcomes: Option<Vec<_>> =
                    running.lanes.iter().map(|l| l.outcome.clone()).collect();
                if let Some(outcomes) = outcomes {
                    running.lanes.clear();
                    let who = Who { lane: None, ..who };
                    self.drive(who, Input::Ranges(outcomes));
                }
            }
        }
    }

    /// Tells the heart. False: the engine is gone.
    fn report(&mut self, who: Who, report: Report) -> bool {
        if let Some(engine) = self.engines.get_mut(&who.engine) {
            match &report {
                Report::Attached { epoch, .. } => {
                    engine.epochs.insert(who.shard, *epoch);
                }
                Report::Fenced { .. } => {
                    engine.epochs.remove(&who.shard);
                }
                _ => {}
            }
        }
        let name = self.shape.shards[who.shard].clone();
        self.command(who.engine, &Command::Report(name, report))
            .is_some()
    }
}
