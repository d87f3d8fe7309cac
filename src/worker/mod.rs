//! The worker: how one stop is brought about on one shard, as a pure machine.
//!
//! `step(input, signal) -> Do`. The engine and the simulator run this same
//! code; only who executes a [`ShardCall`] differs. There is no second chunk
//! loop, retry or re-read anywhere. Must not know a clock, a socket or SQL.

mod call;
mod lead;
mod plan;
mod range;
mod signal;
mod size;
mod variant;

pub use call::{
    CallError, Check, CheckVerdict, ChunkDone, ErrorKind, Key, Op, Probe, RangeAt, Reply,
    ShardCall, Sighting, Warrant,
};
pub use lead::{Assignment, Do, Input, LeadWorker, RangeOutcome};
pub use plan::{RowJob, RowJobKind, ShardPlan, Step, StopPlan};
pub use range::{RangeDo, RangeInput, RangeTask, RangeWorker};
pub use signal::{Run, Signal, WaitReason};
pub use size::{ChunkLimits, ChunkSize};
pub use variant::Variant;
