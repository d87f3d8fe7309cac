//! A small host: runs the real workers against any shard, one call at a time,
//! without waiting for anything.

use pilothouse::base::{Period, ShardName, Stop, Timestamp};
use pilothouse::rollout::{Evidence, Job, Report};
use pilothouse::shard::{Session, SessionRole, Shard};
use pilothouse::worker::{
    Assignment, CallError, ChunkLimits, Do, ErrorKind, Input, LeadWorker, Op, RangeDo, RangeInput,
    RangeOutcome, RangeTask, RangeWorker, Reply, Run, ShardCall, Signal, Variant,
};
use std::sync::Arc;

/// Waits after which a worker counts as stuck.
const WAITS_MAX: u32 = 60;

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It is executed, and the answer is lost with the connection.
    ReplyLost,
    /// It never reaches the shard.
    CallLost,
}

/// Knows what a journal would know of one shard.
pub struct Host {
    pub shard: Arc<dyn Shard>,
    pub route: Vec<Stop>,
    pub rollout: String,
    pub ended: Option<Stop>,
    pub epoch: Option<u64>,
    /// 0 until a finished stop names it.
    pub generation: u64,
    pub pin: Option<String>,
    /// Everything reported, in order.
    pub reports: Vec<Report>,
    /// Everything concluded, in order.
    pub concluded: Vec<Evidence>,
    /// Calls made so far.
    pub calls: u32,
    /// Which call (counted from 1) goes wrong, and how.
    pub mishap: Option<(u32, Mishap)>,
    /// From the call after this one on, nothing arrives any more.
    pub gone_after: Option<u32>,
    /// Calls so far that are steps: they change more than rows.
    pub effects: u32,
    /// From the call after this effect on, nothing arrives any more.
    pub gone_after_effect: Option<u32>,
    pub limits: ChunkLimits,
    pub ranges: u32,
    session: Option<Box<dyn Session>>,
}

impl Host {
    pub fn new(shard: Arc<dyn Shard>, route: &[Stop], rollout: &str) -> Self {
        Self {
            shard,
            route: route.to_vec(),
            rollout: rollout.into(),
            ended: None,
            epoch: None,
            generation: 0,
            pin: None,
            reports: Vec::new(),
            concluded: Vec::new(),
            calls: 0,
            mishap: None,
            gone_after: None,
            effects: 0,
            gone_after_effect: None,
            limits: ChunkLimits {
                start: 4,
                floor: 2,
                ceiling: 7,
            },
            ranges: 3,
            session: None,
        }
    }

    pub fn name(&self) -> ShardName {
        self.shard.name().clone()
    }

    /// One call with our epoch.
    pub async fn ask(&mut self, op: Op) -> Reply {
        let epoch = self.epoch.unwrap_or(0);
        self.call(ShardCall { epoch, op }).await
    }

    /// One call as it is.
    pub async fn call(&mut self, call: ShardCall) -> Reply {
        self.calls += 1;
        // Rows and their checkpoints have kill tests of their own.
        let is_step = matches!(
            call.op,
            Op::Apply(_)
                | Op::BeginStop { .. }
                | Op::EndStop(_)
                | Op::EndUndo { .. }
                | Op::SetShare(_)
        );
        self.effects += u32::from(is_step);
        let mishap = self.mishap.filter(|(n, _)| *n == self.calls).map(|m| m.1);
        if self.is_gone() || mishap == Some(Mishap::CallLost) {
            self.session = None;
            return lost();
        }
        let shard = &self.shard;
        let session = self
            .session
            .get_or_insert_with(|| shard.session(SessionRole::Lead));
        let reply = session.call(call).await;
        if mishap == Some(Mishap::ReplyLost) {
            self.session = None;
            return lost();
        }
        if let Reply::Concluded(evidence) = &reply {
            self.concluded.push(evidence.clone());
        }
        reply
    }

    pub fn is_gone(&self) -> bool {
        self.gone_after.is_some_and(|last| self.calls > last)
            || self
                .gone_after_effect
                .is_some_and(|last| self.effects > last)
    }

    fn assignment(&self, job: Job) -> Assignment {
        let stop = match job {
            Job::Advance(stop) | Job::Undo(stop) => stop,
            Job::CloseShare => self.ended.unwrap_or(Stop::Preflight),
        };
        let before = self.route.iter().rev().find(|s| **s < stop).copied();
        Assignment {
            shard: self.name(),
            rollout: self.rollout.clone(),
            job,
            plan: self.shard.plan().plan.stops[&stop].clone(),
            ended: self.ended,
            before,
            pin: self.pin.clone(),
            warrant: Default::default(),
            known_epoch: self.epoch.unwrap_or(0),
            known_generation: self.generation,
            epoch: self.epoch,
            ranges: self.ranges,
            limits: self.limits,
            attempts_max: 5,
            variant: Variant::Correct,
        }
    }

    /// Runs one assignment to its end.
    pub async fn run(&mut self, job: Job) -> Option<Report> {
        let mut lead = LeadWorker::new(self.assignment(job));
        let mut input = Input::Start;
        let mut waits = 0;
        loop {
            match lead.step(input, &signal()) {
                Do::Call(call) => input = Input::Reply(self.call(call).await),
                // It died: nobody waits any more.
                Do::Wait(..) if self.is_gone() => return None,
                Do::Wait(_, reason) => {
                    waits += 1;
                    assert!(waits < WAITS_MAX, "stuck: {reason:?}");
                    input = Input::Woke;
                }
                Do::Fan(tasks) => {
                    let mut outcomes = Vec::new();
                    for task in tasks {
                        outcomes.push(self.range(task).await);
                    }
                    input = Input::Ranges(outcomes);
                }
                Do::Report(report) => {
                    self.learn(&report);
                    input = Input::Reported;
                }
                Do::End(report) => {
                    if let Some(report) = &report {
                        self.learn(report);
                    }
                    return report;
                }
            }
        }
    }

    async fn range(&mut self, task: RangeTask) -> RangeOutcome {
        let mut worker = RangeWorker::new(task);
        let mut input = RangeInput::Start;
        let mut waits = 0;
        loop {
            match worker.step(input, &signal()) {
                RangeDo::Call(call) => input = RangeInput::Reply(self.call(call).await),
                RangeDo::Wait(_, reason) => {
                    waits += 1;
                    assert!(waits < WAITS_MAX, "stuck: {reason:?}");
                    input = RangeInput::Woke;
                }
                RangeDo::End(outcome) => return outcome,
            }
        }
    }

    /// What the heart would write down.
    fn learn(&mut self, report: &Report) {
        match report {
            Report::Attached { pin, epoch } => {
                self.pin = Some(pin.clone());
                self.epoch = Some(*epoch);
            }
            Report::Finished {
                stop, generation, ..
            } => {
                self.ended = Some(*stop);
                self.generation = *generation;
            }
            Report::GenerationBumped { generation, .. } => self.generation = *generation,
            Report::Undone { stop, .. } => {
                self.ended = self.route.iter().rev().find(|s| *s < stop).copied();
            }
            Report::Regressed { found, .. } => self.ended = Some(*found),
            _ => {}
        }
        self.reports.push(report.clone());
    }

    /// Takes the shard through every stop up to and with this one.
    pub async fn advance_to(&mut self, last: Stop) {
        for stop in self.route.clone() {
            if stop > last || Some(stop) <= self.ended {
                continue;
            }
            let report = self.run(Job::Advance(stop)).await;
            assert!(
                matches!(report, Some(Report::Finished { stop: s, .. }) if s == stop),
                "{stop} ended with {report:?}"
            );
        }
    }

    /// Undoes every stop after this one.
    pub async fn undo_to(&mut self, remains: Stop) {
        for stop in self.route.clone().into_iter().rev() {
            if stop <= remains || Some(stop) > self.ended {
                continue;
            }
            let report = self.run(Job::Undo(stop)).await;
            assert!(
                matches!(report, Some(Report::Undone { stop: s, .. }) if s == stop),
                "undoing {stop}: {report:?}"
            );
        }
    }
}

fn lost() -> Reply {
    Reply::Error(CallError {
        kind: ErrorKind::Unknown,
        code: "host/lost".into(),
        message: "the connection broke".into(),
    })
}

fn signal() -> Signal {
    Signal {
        run: Run::Go,
        throttle: Vec::new(),
        target: Period::from_ms(200),
        rows_per_s_max: None,
        now: Timestamp(0),
    }
}
