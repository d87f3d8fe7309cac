//! The lead worker of a shard: brings one stop about, or undoes one.
//!
//! Whatever goes wrong with a connection, it starts again from `Attach`: the
//! shard is read anew, every step is probed anew, and nothing that was only
//! in memory is trusted.

use super::call::{
    CallError, Check, CheckVerdict, ErrorKind, Op, Probe, Reply, ShardCall, Sighting,
};
use super::plan::{RowJob, Step, StopPlan};
use super::range::{RangeTask, back_off};
use super::signal::{Run, Signal, WaitReason};
use super::size::ChunkLimits;
use super::variant::Variant;
use crate::base::{Fault, Period, ShardName, Stage, Stop};
use crate::rollout::{Evidence, Job, Report};

/// What a lead worker is told to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The shard.
    pub shard: ShardName,
    /// The rollout.
    pub rollout: String,
    /// What to do.
    pub job: Job,
    /// The steps of the stop in question.
    pub plan: StopPlan,
    /// The newest stop whose end the journal knows on this shard.
    pub ended: Option<Stop>,
    /// What remains finished once the stop is undone.
    pub before: Option<Stop>,
    /// Identity that the journal knows.
    pub pin: Option<String>,
    /// Newest epoch that the journal knows.
    pub known_epoch: u64,
    /// Our epoch, if this engine owns the shard already.
    pub epoch: Option<u64>,
    /// Ranges worked on at the same time.
    pub ranges: u32,
    /// Chunk limits.
    pub limits: ChunkLimits,
    /// Attempts without progress before the shard has failed.
    pub attempts_max: u32,
    /// Which engine.
    pub variant: Variant,
}

/// What reaches the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Begin.
    Start,
    /// The answer to the last call.
    Reply(Reply),
    /// The wait is over, or the signal changed.
    Woke,
    /// The report is durable (or the heart had no use for it).
    Reported,
    /// Every range of the fan has ended.
    Ranges(Vec<RangeOutcome>),
}

/// What it wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Do {
    /// Ask the shard.
    Call(ShardCall),
    /// Wait this long, or until the signal changes.
    Wait(Period, WaitReason),
    /// Run these ranges side by side, then come back.
    Fan(Vec<RangeTask>),
    /// Tell the heart, then come back.
    Report(Report),
    /// Tell the heart; this assignment is over.
    End(Option<Report>),
}

/// How a range ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeOutcome {
    /// Finished; the shard's own look agreed.
    Done {
        /// Rows by this worker.
        rows: u64,
        /// Chunks by this worker.
        chunks: u64,
        /// Wrong rows it found.
        stale: u64,
    },
    /// Start again from the shard's truth.
    Restart(CallError),
    /// It will not work by trying again.
    Failed(CallError),
    /// Told to leave.
    Left,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Attach,
    Mend,
    /// Mended; the heart is being told.
    Mended,
    TakeOver,
    Begin,
    Probe(usize),
    Apply(usize),
    Confirm(usize),
    Check(usize),
    Split(usize),
    Fan(usize),
    Conclude(usize),
    SetShare(usize),
    AwaitShare(usize),
    TellShare(usize, u64),
    Finish,
}

/// Brings one assignment about. See the module.
#[derive(Clone, Debug)]
pub struct LeadWorker {
    task: Assignment,
    at: At,
    /// Set when dual write had to be mended: reported before anything else.
    mended: Option<(u64, String)>,
    attempts: u32,
    ranges: Vec<u32>,
    evidence: Evidence,
}

const LOOK_AGAIN: Period = Period::from_ms(250);

impl LeadWorker {
    /// A worker that will first look at the shard.
    pub fn new(task: Assignment) -> Self {
        Self {
            task,
            at: At::Attach,
            mended: None,
            attempts: 0,
            ranges: Vec::new(),
            evidence: Evidence::default(),
        }
    }

    /// Our epoch on the shard, once taken over.
    pub fn epoch(&self) -> Option<u64> {
        self.task.epoch
    }

    /// The step under way, for the screens.
    pub fn step_title(&self) -> String {
        let of = |i: usize| self.steps().get(i).map(Step::title).unwrap_or_default();
        match self.at {
            At::Attach => "connecting".into(),
            At::Mend | At::Mended => "mending dual write".into(),
            At::TakeOver => "taking the fence".into(),
            At::Begin | At::Finish => "recording".into(),
            At::Probe(i)
            | At::Apply(i)
            | At::Confirm(i)
            | At::Check(i)
            | At::Split(i)
            | At::Fan(i)
            | At::Conclude(i)
            | At::SetShare(i)
            | At::AwaitShare(i)
            | At::TellShare(i, _) => of(i),
        }
    }

    /// The next thing to do.
    pub fn step(&mut self, input: Input, signal: &Signal) -> Do {
        let answer = match input {
            Input::Start | Input::Woke => None,
            Input::Reported => self.reported(),
            Input::Reply(reply) => self.learn(reply),
            Input::Ranges(outcomes) => self.ranges_ended(&outcomes),
        };
        answer.unwrap_or_else(|| self.proceed(signal))
    }

    fn steps(&self) -> &[Step] {
        match self.task.job {
            Job::Advance(_) => &self.task.plan.run,
            Job::Undo(_) | Job::CloseShare => &self.task.plan.undo,
        }
    }

    fn proceed(&mut self, signal: &Signal) -> Do {
        match signal.run {
            Run::Leave => return Do::End(None),
            // Bringing a flag back makes things safer: a pause does not stop it.
            Run::Pause if self.task.job != Job::CloseShare => {
                return Do::Wait(LOOK_AGAIN, WaitReason::Paused);
            }
            Run::Pause | Run::Go => {}
        }
        let op = match self.at {
            At::Attach => Op::Attach {
                pin: self.task.pin.clone(),
            },
            At::Mend => Op::MendDualWrite,
            At::Mended => return self.after_mend(),
            At::TakeOver => Op::TakeOver {
                known_epoch: self.task.known_epoch,
            },
            At::Begin => match self.task.job {
                Job::Advance(stop) => Op::BeginStop(stop),
                Job::Undo(_) | Job::CloseShare => return self.enter_step(0, signal),
            },
            At::Probe(i) | At::Confirm(i) => Op::Probe(self.act_id(i)),
            At::Apply(i) => Op::Apply(self.act_id(i)),
            At::Check(i) => Op::Check(self.act_id(i)),
            At::Split(i) => Op::Split {
                job: self.row_job(i),
                ranges: self.task.ranges,
            },
            At::Fan(i) => return Do::Fan(self.fan(i)),
            At::Conclude(i) => Op::Conclude(self.row_job(i)),
            At::SetShare(i) => Op::SetShare(self.share(i)),
            At::AwaitShare(i) => Op::ShareSeen(self.share(i)),
            At::TellShare(i, clients) => {
                return Do::Report(Report::ShareSeen {
                    percent: self.share(i),
                    clients,
                });
            }
            At::Finish => match self.finish_op() {
                Some(op) => op,
                None => return Do::End(self.finished(0)),
            },
        };
        Do::Call(ShardCall {
            epoch: self.task.epoch.unwrap_or(0),
            op,
        })
    }

    fn finish_op(&self) -> Option<Op> {
        match self.task.job {
            // Nothing is installed yet, so nothing can be recorded there.
            Job::Advance(Stop::Preflight) | Job::Undo(Stop::Preflight) | Job::CloseShare => None,
            Job::Advance(stop) => Some(Op::EndStop(stop)),
            Job::Undo(stop) => Some(Op::EndUndo {
                undone: stop,
                remains: self.task.before,
            }),
        }
    }

    fn finished(&self, generation: u64) -> Option<Report> {
        match self.task.job {
            Job::Advance(stop) => Some(Report::Finished {
                stop,
                generation,
                evidence: self.evidence.clone(),
            }),
            Job::Undo(stop) => Some(Report::Undone { stop }),
            Job::CloseShare => None,
        }
    }

    fn act_id(&self, i: usize) -> String {
        match self.steps().get(i) {
            Some(Step::Act { id, .. } | Step::Check { id, .. }) => id.clone(),
            _ => String::new(),
        }
    }

    fn row_job(&self, i: usize) -> RowJob {
        match self.steps().get(i) {
            Some(Step::Rows(job)) => job.clone(),
            // `enter_step` brings only row steps here.
            other => unreachable!("step {i} is not a row job: {other:?}"),
        }
    }

    fn share(&self, i: usize) -> u8 {
        match self.steps().get(i) {
            Some(Step::Share { percent }) => *percent,
            _ => 0,
        }
    }

    fn fan(&self, i: usize) -> Vec<RangeTask> {
        let share_of = u32::try_from(self.ranges.len()).unwrap_or(u32::MAX);
        self.ranges
            .iter()
            .map(|range| RangeTask {
                job: self.row_job(i),
                range: *range,
                share_of,
                epoch: self.task.epoch.unwrap_or(0),
                limits: self.task.limits,
                attempts_max: self.task.attempts_max,
                variant: self.task.variant,
            })
            .collect()
    }

    fn enter_step(&mut self, i: usize, signal: &Signal) -> Do {
        self.set_step(i);
        self.proceed(signal)
    }

    fn set_step(&mut self, i: usize) {
        self.at = match self.steps().get(i) {
            None => At::Finish,
            Some(Step::Act { .. }) => At::Probe(i),
            Some(Step::Check { .. }) => At::Check(i),
            Some(Step::Rows(_)) => At::Split(i),
            Some(Step::Share { .. }) => At::SetShare(i),
        };
    }

    fn step_done(&mut self, i: usize) -> Option<Do> {
        self.attempts = 0;
        self.set_step(i + 1);
        None
    }

    /// Takes an answer in. `Some` is what to do instead of going on.
    fn learn(&mut self, reply: Reply) -> Option<Do> {
        match (self.at, reply) {
            (_, Reply::Error(error)) => self.failed(error),
            (At::Attach, Reply::Attached(seen)) => self.attached(&seen),
            (At::Mend, Reply::Done { generation }) => {
                let why = self.mended.take().map(|(_, why)| why).unwrap_or_default();
                self.mended = Some((generation, why.clone()));
                self.at = At::Mended;
                Some(Do::Report(Report::GenerationBumped { generation, why }))
            }
            (At::TakeOver, Reply::TakenOver { epoch }) => {
                self.task.epoch = Some(epoch);
                self.task.known_epoch = epoch;
                self.at = if self.mended.is_some() {
                    At::Mend
                } else {
                    At::Begin
                };
                let pin = self.task.pin.clone().unwrap_or_default();
                Some(Do::Report(Report::Attached { pin, epoch }))
            }
            (At::Begin, Reply::Done { .. }) => {
                self.set_step(0);
                None
            }
            (At::Probe(i) | At::Confirm(i), Reply::Probed(Probe::Already)) => self.step_done(i),
            (At::Probe(i), Reply::Probed(_)) => {
                self.at = At::Apply(i);
                None
            }
            (At::Confirm(i), Reply::Probed(found)) => self.failed(CallError {
                kind: ErrorKind::Yielded,
                code: "worker/not_in_place".into(),
                message: format!(
                    "{} was applied but the probe finds it {found:?}",
                    self.act_id(i)
                ),
            }),
            (At::Apply(i), Reply::Done { .. }) => {
                self.at = At::Confirm(i);
                None
            }
            (At::Check(i), Reply::Checked(checks)) => self.checked(i, checks),
            (At::Split(i), Reply::Ranges(ranges)) => {
                self.ranges = ranges
                    .iter()
                    .filter(|r| !r.closed)
                    .map(|r| r.range)
                    .collect();
                self.at = if self.ranges.is_empty() {
                    At::Conclude(i)
                } else {
                    At::Fan(i)
                };
                None
            }
            (At::Conclude(i), Reply::Concluded(evidence)) => self.concluded(i, evidence),
            (At::SetShare(i), Reply::Done { .. }) => {
                self.at = At::AwaitShare(i);
                None
            }
            (At::AwaitShare(i), Reply::Seen { clients, behind }) => {
                if !behind.is_empty() {
                    return Some(Do::Wait(LOOK_AGAIN, WaitReason::Clients { behind }));
                }
                self.at = At::TellShare(i, clients);
                None
            }
            (At::Finish, Reply::Done { generation }) => Some(Do::End(self.finished(generation))),
            (at, other) => self.failed(CallError {
                kind: ErrorKind::Refused,
                code: "worker/protocol".into(),
                message: format!("{other:?} does not answer {at:?}"),
            }),
        }
    }

    fn reported(&mut self) -> Option<Do> {
        match self.at {
            At::TellShare(i, _) => self.step_done(i),
            // The heart has closed the stage; what comes next is its decision.
            At::Mended => Some(self.after_mend()),
            _ => None,
        }
    }

    fn after_mend(&self) -> Do {
        let why = self
            .mended
            .as_ref()
            .map(|(_, why)| why.clone())
            .unwrap_or_default();
        if self.stands_in().stage() < Stage::Shift {
            // The old form was the truth all the time: fill and prove again.
            let epoch = self.task.epoch.unwrap_or(0);
            return Do::End(Some(Report::Regressed {
                found: Stop::DualWrite,
                epoch,
                why,
            }));
        }
        Do::End(Some(Report::Failed {
            fault: Fault {
                code: "PH010".into(),
                what: format!("dual write was off while both forms were written ({why})"),
                place: format!("shard {}", self.task.shard),
                why: None,
                did: "the trigger is back, the generation is bumped, all proof is void".into(),
                can: "roll the ring back to dual_write: the old form wins, and rows that only the new form knew are counted first".into(),
            },
        }))
    }

    /// The stop that the shard is in while this assignment runs.
    fn stands_in(&self) -> Stop {
        match self.task.job {
            Job::Advance(stop) | Job::Undo(stop) => stop,
            Job::CloseShare => self.task.ended.unwrap_or(Stop::Preflight),
        }
    }

    fn attached(&mut self, seen: &Sighting) -> Option<Do> {
        if let Some(other) = seen.rollout.as_ref().filter(|id| **id != self.task.rollout) {
            return self.failed(CallError {
                kind: ErrorKind::Refused,
                code: "PH011".into(),
                message: format!("the shard's registry belongs to rollout {other}"),
            });
        }
        self.task.pin = Some(seen.pin.clone());
        if let Some(mine) = self.task.epoch
            && seen.epoch > mine
        {
            return Some(Do::End(Some(Report::Fenced { epoch: seen.epoch })));
        }
        let expected = self.task.ended.filter(|stop| *stop > Stop::Preflight);
        // While a stop is undone, "the one before it" is as far as the shard
        // may have come.
        let least = match self.task.job {
            Job::Undo(_) => self.task.before.filter(|stop| *stop > Stop::Preflight),
            Job::Advance(_) | Job::CloseShare => expected,
        };
        if seen.ended < least {
            let found = seen.ended.unwrap_or(Stop::Preflight);
            return Some(Do::End(Some(Report::Regressed {
                found,
                epoch: seen.epoch,
                why: format!(
                    "the shard shows {} as its newest finished stop, the journal {}",
                    seen.ended.map_or("none".into(), |s| s.to_string()),
                    least.map_or("none".into(), |s| s.to_string()),
                ),
            })));
        }
        if let Job::Undo(stop) = self.task.job
            && seen.ended > Some(stop)
        {
            // A failover brought back what had been undone already.
            let found = seen.ended.unwrap_or(stop);
            return Some(Do::End(Some(Report::Regressed {
                found,
                epoch: seen.epoch,
                why: format!("the shard shows {found} again, which had been undone"),
            })));
        }
        // Undo takes the trigger away anyway.
        let mends = matches!(self.task.job, Job::Advance(_)) && self.stands_in() > Stop::DualWrite;
        self.mended = seen
            .dual_write_broken
            .clone()
            .filter(|_| mends)
            .map(|why| (0, why));
        // A flag that must be closed may have outlived everything we had
        // installed (a restored backup): it is closed under the fence too.
        let needs_fence = self.stands_in() > Stop::Preflight || self.task.job == Job::CloseShare;
        let owns = self.task.epoch == Some(seen.epoch);
        self.at = match (needs_fence, owns) {
            (true, false) => At::TakeOver,
            (true, true) if self.mended.is_some() => At::Mend,
            (true, true) => At::Begin,
            (false, _) => {
                self.set_step(0);
                self.at
            }
        };
        None
    }

    fn checked(&mut self, i: usize, checks: Vec<Check>) -> Option<Do> {
        let bad = |verdict| checks.iter().find(|c| c.verdict == verdict);
        if let Some(check) = bad(CheckVerdict::Fail) {
            let failed = || checks.iter().filter(|c| c.verdict == CheckVerdict::Fail);
            let all: Vec<String> = failed()
                .map(|c| format!("{} (needs {})", c.value, c.limit))
                .collect();
            let mut remedies: Vec<&str> = failed().map(|c| c.remedy.as_str()).collect();
            remedies.dedup();
            return Some(Do::End(Some(Report::Failed {
                fault: Fault {
                    code: check.name.clone(),
                    what: all.join("; "),
                    place: format!("shard {}", self.task.shard),
                    why: None,
                    did: "nothing further was touched".into(),
                    can: format!("{}; then retry", remedies.join("; ")),
                },
            })));
        }
        if let Some(check) = bad(CheckVerdict::Wait) {
            let value = format!("{} (needs {})", check.value, check.limit);
            return Some(Do::Wait(LOOK_AGAIN, WaitReason::Check { value }));
        }
        let warned = checks.iter().filter(|c| c.verdict == CheckVerdict::Warn);
        self.evidence
            .notes
            .extend(warned.map(|c| format!("{}: {}", c.name, c.value)));
        self.step_done(i)
    }

    fn ranges_ended(&mut self, outcomes: &[RangeOutcome]) -> Option<Do> {
        let At::Fan(i) = self.at else {
            return None;
        };
        for outcome in outcomes {
            if let RangeOutcome::Failed(error) = outcome {
                return self.failed(error.clone());
            }
        }
        let progress = outcomes
            .iter()
            .any(|o| matches!(o, RangeOutcome::Done { chunks, .. } if *chunks > 0));
        if progress {
            self.attempts = 0;
        }
        for outcome in outcomes {
            match outcome {
                RangeOutcome::Restart(error) => return self.failed(error.clone()),
                RangeOutcome::Left => return Some(Do::End(None)),
                RangeOutcome::Done { .. } | RangeOutcome::Failed(_) => {}
            }
        }
        self.at = At::Conclude(i);
        None
    }

    fn concluded(&mut self, i: usize, evidence: Evidence) -> Option<Do> {
        let job = self.row_job(i);
        if evidence.stale > 0 {
            return Some(Do::End(Some(Report::Failed {
                fault: Fault {
                    code: "PH012".into(),
                    what: format!("{} rows of {} are wrong", evidence.stale, evidence.rows),
                    place: format!("shard {}, {}", self.task.shard, job.title),
                    why: evidence.notes.first().cloned(),
                    did: "promotion stays closed; nothing was changed".into(),
                    can: "look at the rows named here, mend what wrote them, roll back to dual_write and fill again".into(),
                },
            })));
        }
        self.evidence.rows += evidence.rows;
        self.evidence.chunks += evidence.chunks;
        self.evidence.digest = evidence.digest.or(self.evidence.digest);
        self.evidence.notes.extend(evidence.notes);
        self.step_done(i)
    }

    fn failed(&mut self, error: CallError) -> Option<Do> {
        match error.kind {
            ErrorKind::Fenced { epoch } if Some(epoch) > self.task.epoch => {
                return Some(Do::End(Some(Report::Fenced { epoch })));
            }
            ErrorKind::Refused => return Some(self.give_up(&error)),
            // A lower epoch on the shard means that a failover lost our own
            // take-over: look again, as after a lost connection.
            ErrorKind::Fenced { .. } | ErrorKind::Unknown | ErrorKind::Unreachable => {
                self.at = At::Attach;
                self.evidence = Evidence::default();
            }
            ErrorKind::Yielded => self.back_to_probe(),
        }
        self.attempts += 1;
        // An abort never gives up on an unreachable shard, and a rollback or a
        // closing flag has nowhere better to go.
        let patient = !matches!(self.task.job, Job::Advance(_));
        if self.attempts > self.task.attempts_max && !patient {
            return Some(self.give_up(&error));
        }
        let reason = WaitReason::BackOff {
            code: error.code,
            attempt: self.attempts,
        };
        Some(Do::Wait(back_off(self.attempts, 0), reason))
    }

    fn back_to_probe(&mut self) {
        self.at = match self.at {
            At::Apply(i) | At::Confirm(i) => At::Probe(i),
            At::Fan(i) => At::Split(i),
            other => other,
        };
    }

    fn give_up(&self, error: &CallError) -> Do {
        let tried = if error.kind == ErrorKind::Refused {
            "it was not tried again, because trying again cannot help".to_owned()
        } else {
            format!("tried {} times", self.attempts)
        };
        Do::End(Some(Report::Failed {
            fault: Fault {
                code: error.code.clone(),
                what: error.message.clone(),
                place: format!("shard {}, {}", self.task.shard, self.step_title()),
                why: None,
                did: format!("{tried}; what was committed stays, nothing half-done remains"),
                can: "mend the cause, then retry; or roll back".into(),
            },
        }))
    }
}
