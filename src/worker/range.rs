//! The chunk loop of one key range. The only one there is.

use super::call::{CallError, ErrorKind, Key, Op, RangeAt, Reply, ShardCall};
use super::lead::RangeOutcome;
use super::plan::RowJob;
use super::signal::{Run, Signal, WaitReason};
use super::size::{ChunkLimits, ChunkSize};
use super::variant::Variant;
use crate::base::Period;

/// One range to work through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeTask {
    /// The job.
    pub job: RowJob,
    /// The range.
    pub range: u32,
    /// Ranges that share the shard's rows-per-second cap.
    pub share_of: u32,
    /// Our fence epoch.
    pub epoch: u64,
    /// Chunk limits.
    pub limits: ChunkLimits,
    /// Attempts without progress before it is given up.
    pub attempts_max: u32,
    /// Which engine.
    pub variant: Variant,
}

/// What reaches the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum RangeInput {
    /// Begin.
    Start,
    /// The answer to the last call.
    Reply(Reply),
    /// The wait is over, or the signal changed.
    Woke,
}

/// What it wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum RangeDo {
    /// Ask the shard.
    Call(ShardCall),
    /// Wait this long, or until the signal changes.
    Wait(Period, WaitReason),
    /// It is over.
    End(RangeOutcome),
}

#[derive(Clone, Debug, PartialEq)]
enum Next {
    Read,
    Chunk,
    Close,
}

/// Works through one range. See the module.
#[derive(Clone, Debug)]
pub struct RangeWorker {
    task: RangeTask,
    size: ChunkSize,
    next: Next,
    after: Option<Key>,
    attempts: u32,
    rows: u64,
    chunks: u64,
    stale: u64,
    /// Owed to the rows-per-second cap.
    debt_ms: u64,
}

/// How long to wait before looking at a closed throttle or a pause again.
const LOOK_AGAIN: Period = Period::from_ms(250);

impl RangeWorker {
    /// A worker that will first read where its range stands.
    pub fn new(task: RangeTask) -> Self {
        let size = ChunkSize::new(task.limits);
        Self {
            task,
            size,
            next: Next::Read,
            after: None,
            attempts: 0,
            rows: 0,
            chunks: 0,
            stale: 0,
            debt_ms: 0,
        }
    }

    /// The next thing to do.
    pub fn step(&mut self, input: RangeInput, signal: &Signal) -> RangeDo {
        if let RangeInput::Reply(reply) = input
            && let Some(outcome) = self.learn(reply, signal)
        {
            return outcome;
        }
        self.proceed(signal)
    }

    fn proceed(&mut self, signal: &Signal) -> RangeDo {
        match signal.run {
            Run::Leave => return RangeDo::End(RangeOutcome::Left),
            Run::Pause => return RangeDo::Wait(LOOK_AGAIN, WaitReason::Paused),
            Run::Go => {}
        }
        if self.next == Next::Chunk {
            if !signal.throttle.is_empty() && self.task.job.kind.writes_rows() {
                return RangeDo::Wait(LOOK_AGAIN, WaitReason::Throttled);
            }
            if self.debt_ms > 0 {
                let wait = Period::from_ms(std::mem::take(&mut self.debt_ms));
                return RangeDo::Wait(wait, WaitReason::Rate);
            }
        }
        let (job, range) = (self.task.job.clone(), self.task.range);
        let op = match self.next {
            Next::Read => Op::ReadRange { job, range },
            Next::Chunk => Op::Chunk {
                job,
                range,
                after: self.after.clone(),
                rows: self.size.rows(),
            },
            Next::Close => Op::CloseRange { job, range },
        };
        RangeDo::Call(ShardCall {
            epoch: self.task.epoch,
            op,
        })
    }

    /// Takes an answer in. `Some` ends or delays the loop.
    fn learn(&mut self, reply: Reply, signal: &Signal) -> Option<RangeDo> {
        match reply {
            Reply::Range(at) => self.adopt(at),
            Reply::Chunk(done) => {
                self.attempts = 0;
                if done.rows == 0 {
                    // A candidate end only: a fresh transaction must agree.
                    self.next = Next::Close;
                    return None;
                }
                self.rows += done.rows;
                self.chunks += 1;
                self.stale += done.stale;
                self.after = done.after;
                self.size.took(done.rows, done.took_ms, signal.target);
                self.owe(done.rows, done.took_ms, signal);
                None
            }
            Reply::Closed { empty: true } => Some(self.done()),
            Reply::Closed { empty: false } => {
                self.next = Next::Chunk;
                None
            }
            Reply::Error(error) => self.failed(error),
            other => {
                let message = format!("{other:?} does not answer a range call");
                self.failed(CallError {
                    kind: ErrorKind::Refused,
                    code: "worker/protocol".into(),
                    message,
                })
            }
        }
    }

    fn adopt(&mut self, at: RangeAt) -> Option<RangeDo> {
        if at.closed {
            return Some(self.done());
        }
        self.after = at.after;
        self.next = Next::Chunk;
        None
    }

    fn done(&self) -> RangeDo {
        RangeDo::End(RangeOutcome::Done {
            rows: self.rows,
            chunks: self.chunks,
            stale: self.stale,
        })
    }

    fn owe(&mut self, rows: u64, took_ms: u64, signal: &Signal) {
        let Some(cap) = signal.rows_per_s_max.filter(|cap| *cap > 0) else {
            return;
        };
        // Every range of the job runs at its share of the cap.
        let due_ms = rows * 1_000 * u64::from(self.task.share_of.max(1)) / cap;
        self.debt_ms = due_ms.saturating_sub(took_ms);
    }

    fn failed(&mut self, error: CallError) -> Option<RangeDo> {
        if self.task.variant.takes_error_for_done() {
            return Some(self.done());
        }
        match error.kind {
            ErrorKind::Fenced { .. } | ErrorKind::Unreachable => {
                // Who owns the shard, and where it is, is the lead's business.
                return Some(RangeDo::End(RangeOutcome::Restart(error)));
            }
            ErrorKind::Refused => return Some(RangeDo::End(RangeOutcome::Failed(error))),
            ErrorKind::Unknown => {
                // Memory is worth nothing now: only the shard knows.
                self.next = Next::Read;
                self.after = None;
            }
            ErrorKind::Yielded => self.size.yielded(),
        }
        self.attempts += 1;
        if self.attempts > self.task.attempts_max {
            return Some(RangeDo::End(RangeOutcome::Restart(error)));
        }
        Some(RangeDo::Wait(
            back_off(self.attempts, self.task.range),
            WaitReason::BackOff {
                code: error.code,
                attempt: self.attempts,
            },
        ))
    }
}

/// 20 ms doubling to 5 s, spread by range so that ranges do not meet again at
/// the same row at the same time.
pub(super) fn back_off(attempt: u32, salt: u32) -> Period {
    let base = 20_u64 << attempt.min(8);
    let spread = u64::from(salt.wrapping_mul(37).wrapping_add(attempt.wrapping_mul(13)) % 50);
    Period::from_ms((base + base * spread / 100).min(5_000))
}
