//! What a worker can ask of a shard, and what a shard can answer.

use super::plan::{RowJob, RowJobKind};
use crate::base::Stop;
use crate::journal::Head;
use crate::rollout::{Evidence, Restored};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One request. The executor runs it in one transaction (or outside one where
/// the database demands it) and tells what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardCall {
    /// The fence epoch of the asking engine; the shard compares it inside the
    /// same transaction as the effect. 0 before the first take-over.
    pub epoch: u64,
    /// What.
    pub op: Op,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Find the primary that matches the pin and look at it. Writes nothing.
    Attach {
        /// Identity that the journal knows, once known.
        pin: Option<String>,
    },
    /// Install our schema if it is not there, end every older engine's rights:
    /// epoch = max(known, shard) + 1.
    TakeOver {
        /// Newest epoch the journal knows.
        known_epoch: u64,
    },
    /// Record on the shard that this stop begins, and where the journal stood.
    BeginStop {
        /// Which.
        stop: Stop,
        /// What allows it, by the journal.
        warrant: Warrant,
    },
    /// Record on the shard that this stop is finished, with receipts of its
    /// row jobs. Synchronous commit.
    EndStop(Stop),
    /// Record on the shard that this stop is undone; the one before it is the
    /// newest finished one. Synchronous commit.
    EndUndo {
        /// What was undone.
        undone: Stop,
        /// What remains finished.
        remains: Option<Stop>,
    },
    /// Is this action already in place?
    Probe(String),
    /// Bring it about. Cleans up a half-done state first.
    Apply(String),
    /// Look, and say what was found.
    Check(String),
    /// Cut the job into ranges, bounded now, unless it is cut already.
    Split {
        /// The job.
        job: RowJob,
        /// How many ranges are wanted.
        ranges: u32,
    },
    /// Where does this range stand? The only way to learn an unknown outcome.
    ReadRange {
        /// The job.
        job: RowJob,
        /// The range.
        range: u32,
    },
    /// One chunk: fence, rows, log and checkpoint commit together.
    Chunk {
        /// The job.
        job: RowJob,
        /// The range.
        range: u32,
        /// Where the worker believes the range stands. If the shard knows
        /// better, nothing is written and the shard's truth comes back.
        after: Option<Key>,
        /// Most rows.
        rows: u32,
    },
    /// Mark a range as finished, if a fresh look finds no row left in it.
    CloseRange {
        /// The job.
        job: RowJob,
        /// The range.
        range: u32,
    },
    /// Prove that the ranges cover everything without a gap, and sum up.
    Conclude(RowJob),
    /// What would a merge restore give the next rows after this key? Only
    /// reads: it is asked before anybody confirms the way back.
    CountRestore {
        /// A job of kind `Restore`.
        job: RowJob,
        /// Where the look before ended.
        after: Option<Key>,
        /// Most rows.
        rows: u32,
    },
    /// Set the flag share of this shard.
    SetShare(u8),
    /// Has every live client seen the flag share set last?
    ShareSeen(u8),
    /// Dual write was off: put it back, bump the generation, void checkpoints
    /// and receipts, all in one transaction.
    MendDualWrite,
}

/// What allows a stop to begin: the shard keeps it as a witness, in the
/// transaction in which the stop begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warrant {
    /// Where the journal ended that holds the intent.
    pub head: Head,
    /// Ids of the approvals that were used for it.
    pub approvals: Vec<String>,
}

impl Default for Warrant {
    /// Of somebody who keeps no journal.
    fn default() -> Self {
        Self {
            head: Head::EMPTY,
            approvals: Vec::new(),
        }
    }
}

/// A key as the shard spells it: one text per key column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Vec<String>);

/// What a shard answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To `Attach`.
    Attached(Sighting),
    /// To `TakeOver`.
    TakenOver {
        /// Our epoch from now on.
        epoch: u64,
    },
    /// Done and committed.
    Done {
        /// The shard's generation.
        generation: u64,
    },
    /// To `Probe`.
    Probed(Probe),
    /// To `Check`.
    Checked(Vec<Check>),
    /// To `Split`: every range of the job.
    Ranges(Vec<RangeAt>),
    /// To `ReadRange`; also to `Chunk` when the shard knows better.
    Range(RangeAt),
    /// To `Chunk`.
    Chunk(ChunkDone),
    /// To `CloseRange`: closed, or there are rows left.
    Closed {
        /// Whether it is closed now.
        empty: bool,
    },
    /// To `Conclude`.
    Concluded(Evidence),
    /// To `CountRestore`.
    RestoreCounted {
        /// Of the rows that were looked at; nothing while nothing is dropped.
        restored: Restored,
        /// The last of them; `None` when no row is left.
        after: Option<Key>,
    },
    /// To `ShareSeen`.
    Seen {
        /// Live clients.
        clients: u64,
        /// Clients that have not seen it yet.
        behind: Vec<String>,
    },
    /// It did not work, or nobody knows whether it did.
    Error(CallError),
}

/// What `Attach` finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Identity of the database.
    pub pin: String,
    /// Whether our schema is there.
    pub installed: bool,
    /// Fence epoch there (0 if not installed).
    pub epoch: u64,
    /// Generation there.
    pub generation: u64,
    /// Rollout that the shard's registry names, if any.
    pub rollout: Option<String>,
    /// Newest stop that the shard's registry says is finished.
    pub ended: Option<Stop>,
    /// What is wrong with dual write, if it should be on and is not intact.
    pub dual_write_broken: Option<String>,
}

/// The state of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It is so already.
    Already,
    /// It is not so.
    Absent,
    /// Something of it is there.
    Half,
}

/// One finding of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Stable name, for example `preflight/usable_key`.
    pub name: String,
    /// Verdict.
    pub verdict: CheckVerdict,
    /// What was found.
    pub value: String,
    /// What is needed.
    pub limit: String,
    /// What to do about it.
    pub remedy: String,
}

impl Check {
    /// A finding in words.
    pub fn new(
        name: impl Into<String>,
        verdict: CheckVerdict,
        value: impl Into<String>,
        limit: &str,
        remedy: &str,
    ) -> Self {
        Self {
            name: name.into(),
            verdict,
            value: value.into(),
            limit: limit.into(),
            remedy: remedy.into(),
        }
    }
}

/// Verdict of one check.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// Good.
    Pass,
    /// Worth knowing.
    Warn,
    /// Not yet: look again later.
    Wait,
    /// Bad.
    Fail,
}

/// Where a range stands, by the shard's own checkpoint row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeAt {
    /// Number of the range.
    pub range: u32,
    /// Last key done; `None` before the first.
    pub after: Option<Key>,
    /// Whether it is finished.
    pub closed: bool,
    /// Rows done so far.
    pub rows: u64,
    /// Chunks committed so far.
    pub chunks: u64,
}

/// A committed chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkDone {
    /// Rows worked on; 0 means that no row was left after the cursor.
    pub rows: u64,
    /// The new cursor.
    pub after: Option<Key>,
    /// Rows that were found wrong (verify).
    pub stale: u64,
    /// How long it took on the shard, in milliseconds.
    pub took_ms: u64,
}

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// What it means for the worker.
    pub kind: ErrorKind,
    /// SQLSTATE or our own code.
    pub code: String,
    /// What the database said, escaped when shown.
    pub message: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// What an error means for the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nobody answers. Nothing was done.
    Unreachable,
    /// The connection broke or timed out: whether it was done is unknown
    /// until the shard is read again.
    Unknown,
    /// We gave way (lock timeout, deadlock, serialization, cancel): rolled back.
    Yielded,
    /// The fence holds another epoch.
    Fenced {
        /// The epoch on the shard.
        epoch: u64,
    },
    /// It will not work by trying again.
    Refused,
}

impl Op {
    /// Begins a stop for somebody who keeps no journal.
    pub fn begin(stop: Stop) -> Self {
        let warrant = Warrant::default();
        Self::BeginStop { stop, warrant }
    }
}

impl RowJobKind {
    /// Whether chunks write rows of the application.
    pub fn writes_rows(self) -> bool {
        matches!(self, Self::Fill | Self::Restore)
    }
}
