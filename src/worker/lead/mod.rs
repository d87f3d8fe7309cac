//! The lead worker of a shard: brings one stop about, or undoes one.
//!
//! Whatever goes wrong with a connection, it starts again from `Attach`: the
//! shard is read anew, every step is probed anew, and nothing that was only
//! in memory is trusted.

mod learn;

use crate::base::{Period, ShardName, Stop};
use crate::rollout::{Evidence, Job, Report};
use crate::worker::call::{CallError, Op, Reply, ShardCall, Warrant};
use crate::worker::plan::{RowJob, Step, StopPlan};
use crate::worker::range::RangeTask;
use crate::worker::signal::{Run, Signal, WaitReason};
use crate::worker::size::ChunkLimits;
use crate::worker::variant::Variant;

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
    /// What allows the stop; the shard keeps it as a witness.
    pub warrant: Warrant,
    /// Newest epoch that the journal knows.
    pub known_epoch: u64,
    /// Generation that the journal knows; 0 when it knows none.
    pub known_generation: u64,
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
    /// An engine before us mended, and ended before it could tell.
    TellMended,
    /// Mended, and the heart is being told.
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

/// Dual write that was off for a while.
#[derive(Clone, Debug)]
struct Broken {
    why: String,
    /// The generation it was mended in, once it is.
    mended_in: Option<u64>,
}

/// Brings one assignment about. See the module.
#[derive(Clone, Debug)]
pub struct LeadWorker {
    task: Assignment,
    at: At,
    /// Set when dual write was found broken: reported before anything else.
    broken: Option<Broken>,
    attempts: u32,
    ranges: Vec<u32>,
    /// Rows that the shard's checkpoints showed at the last split.
    rows_seen: u64,
    evidence: Evidence,
}

const LOOK_AGAIN: Period = Period::from_ms(250);

impl LeadWorker {
    /// A worker that will first look at the shard.
    pub fn new(task: Assignment) -> Self {
        Self {
            task,
            at: At::Attach,
            broken: None,
            attempts: 0,
            ranges: Vec::new(),
            rows_seen: 0,
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
            At::Mend | At::TellMended | At::Mended => "mending dual write".into(),
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
            At::TellMended => return self.tell_mended(),
            At::Mended => return self.after_mend(),
            At::TakeOver => Op::TakeOver {
                known_epoch: self.task.known_epoch,
            },
            At::Begin => match self.task.job {
                Job::Advance(stop) => Op::BeginStop {
                    stop,
                    warrant: self.task.warrant.clone(),
                },
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
            Job::Undo(stop) => Some(Report::Undone {
                stop,
                restored: self.evidence.restored,
            }),
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
}
