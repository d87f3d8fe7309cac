//! What a client asks for while somebody looks at it, and what it is told.
//!
//! None of it is part of the views: a fleet of ten thousand shards would
//! carry it all, all the time, for one that is looked at.

use super::handover::Handover;
use super::view::EventView;
use crate::base::{Period, ShardName, Stop, Timestamp};
use crate::journal::Head;
use crate::rollout::Scope;
use crate::worker::Check;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A question. Asking never changes anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Everything about one shard.
    Shard(ShardName),
    /// What the rollout runs, stop by stop.
    Plan,
    /// The newest part of the journal.
    Journal,
    /// The hash of one entry, to see whether a journal is the one it was.
    Head(u64),
    /// What a merge restore would give; the views carry the count.
    Restore,
    /// What the next shift has to know of this one, which began so long ago.
    Handover(Period),
    /// The runbook.
    Runbook,
}

/// What somebody is told who looked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// One shard.
    Shard(Box<ShardDetail>),
    /// The plan.
    Plan(Vec<PlanStep>),
    /// The journal.
    Journal(JournalPage),
    /// The entry's hash; nothing if the journal ends before it.
    Head(Option<Head>),
    /// The last shift.
    Handover(Box<Handover>),
    /// The runbook as it is; `None`: the migration names none.
    Runbook(Option<String>),
}

/// Everything about one shard that is not in its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShardDetail {
    /// Which.
    pub shard: ShardName,
    /// When it was put together.
    pub at: Timestamp,
    /// Every signal of the last poll.
    pub signals: Vec<SignalView>,
    /// What the checks of this engine's life found last, by name.
    pub findings: Vec<Finding>,
    /// Sessions that wait for a lock, and whom they wait for.
    pub locks: Locks,
    /// The newest of the record that is about it, oldest first.
    pub events: Vec<EventView>,
}

/// One signal at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalView {
    /// Its wire name, which ends with its unit.
    pub signal: String,
    /// Where it was read.
    pub place: String,
    /// `None`: it could not be read.
    pub value: Option<u64>,
    /// The limit that closes the throttle, if it has one.
    pub limit: Option<u64>,
    /// When.
    pub at: Timestamp,
}

/// What one check found, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What.
    pub check: Check,
    /// When.
    pub at: Timestamp,
}

/// Who waits for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Locks {
    /// These wait now; empty: nobody.
    Seen(Vec<LockWait>),
    /// It cannot be told; why.
    Unknown(String),
}

/// One session that waits for a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockWait {
    /// Who waits.
    pub waiter: LockParty,
    /// For how long, in milliseconds.
    pub waits_ms: u64,
    /// Whom it waits for.
    pub blockers: Vec<LockParty>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockParty {
    /// Process id on the server.
    pub pid: i32,
    /// User and application.
    pub who: String,
    /// What it runs or ran last, the beginning of it.
    pub query: String,
    /// For how long its transaction is open, in milliseconds.
    pub open_ms: u64,
    /// When its transaction began, in microseconds since 1970: with the process
    /// it names what may be ended. `None`: it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_us: Option<i64>,
}

/// One step of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanStep {
    /// The stop it belongs to.
    pub stop: Stop,
    /// Towards the stop, or back.
    pub way: PlanWay,
    /// What it does.
    pub title: String,
    /// Its statements.
    pub sql: Vec<String>,
    /// The strongest lock, and for how long.
    pub lock: String,
    /// What it costs, roughly; `None` if it does not grow with the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<StepEstimate>,
}

/// What a step costs on one shard, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepEstimate {
    /// Rows that it reads or writes.
    pub rows: u64,
    /// More on disk than before, in bytes.
    pub disk_bytes: u64,
    /// Time, in milliseconds, by assumed speeds.
    pub ms: u64,
}

/// Towards a stop, or back from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanWay {
    /// Reaches it.
    There,
    /// Undoes it.
    Back,
}

/// The newest part of the journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalPage {
    /// The entries, oldest first.
    pub entries: Vec<JournalEntry>,
    /// Where the journal ends.
    pub head: Option<Head>,
    /// Why it cannot be written, and since when.
    pub trouble: Option<(Timestamp, String)>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// Its number.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Over what.
    pub scope: Scope,
    /// Who.
    pub actor: String,
    /// What made them act.
    pub cause: String,
    /// Their reason.
    pub reason: String,
    /// What happened.
    pub text: String,
    /// The fact itself, as it is in the journal.
    pub json: String,
}
