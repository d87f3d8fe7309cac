//! Databases: each kind is one folder that executes [`ShardCall`]s.
//!
//! Nothing outside a kind's folder matches on the kind. What a kind cannot do
//! is a typed refusal at plan time. Executors decide nothing: they answer.

mod facts;
mod identity;
mod open;
mod past;
pub mod postgres;
mod record;
mod restore;
mod shape;
mod share;
pub mod sim;
pub mod sqlite;

pub use facts::FleetFacts;
pub use identity::RolloutIdentity;
pub use open::{Context, open, read_past, read_record, write_baseline};
pub use past::{
    Baseline, Drift, Object, Objects, OpenRollout, Past, PastRollout, Remains, drifts, fingerprint,
};
pub use record::{ShardRecord, Unintended, Witness};
pub use restore::count_restore;
pub use shape::{Part, Shape, Shapes};
pub use share::{ShareSeen, ShareSwitch};

use crate::base::{Fault, ShardName, Stop};
use crate::rollout::{Blocker, BlockerEnd};
use crate::wire::{Locks, StepEstimate, StepProgress};
use crate::worker::{Reply, ShardCall, ShardPlan};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// One shard, reachable through any number of sessions.
pub trait Shard: Send + Sync {
    /// Its name.
    fn name(&self) -> &ShardName;

    /// Identity of the database behind it, once known: two shards with one
    /// identity are a mistake.
    fn pin(&self) -> Option<String>;

    /// What answers there, once known: the kind of database, its version and
    /// the present primary, for people.
    fn server(&self) -> Option<String>;

    /// What a migration becomes on this shard.
    fn plan(&self) -> &CompiledPlan;

    /// A session of its own: one connection, opened at its first call.
    fn session(&self, role: SessionRole) -> Box<dyn Session>;

    /// Ends every statement that this engine is running on the shard now
    /// (pause, take-over, shutdown). The cancelled calls answer with an error.
    fn cancel(&self) -> BoxFuture<'_, ()>;

    /// Reads every throttle signal once. Never fails: what cannot be read is
    /// a measurement without a value, and that closes the throttle.
    fn measure(&self) -> BoxFuture<'_, Vec<Measurement>>;

    /// How far a statement of ours has come that the server counts (an index
    /// that is built), and whom it waits for.
    fn step_progress(&self) -> BoxFuture<'_, Option<StepProgress>> {
        Box::pin(std::future::ready(None))
    }

    /// Sessions that wait for a lock now, and whom they wait for.
    fn locks(&self) -> BoxFuture<'_, Locks>;

    /// Ends a session that others wait for, unless it is better left alone.
    /// The transaction must be the one that was seen.
    fn end_blocker(&self, blocker: Blocker) -> BoxFuture<'_, BlockerEnd>;

    /// Removes schema `pilothouse` (or what stands for it) for good; tells what
    /// stays all the same.
    fn forget(&self) -> BoxFuture<'_, Result<Remains, Fault>>;
}

/// What a session is for; it decides its timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRole {
    /// Steps: short DDL, checks, bookkeeping.
    Lead,
    /// Chunks.
    Range,
}

/// One connection that executes calls.
pub trait Session: Send {
    /// Executes one call. Connects first if there is no connection; a call
    /// that timed out or was dropped poisons the connection.
    fn call(&mut self, call: ShardCall) -> BoxFuture<'_, Reply>;
}

/// One throttle signal, read once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// Wire name with its unit, for example `replica_lag_ms`.
    pub signal: String,
    /// Where, for example the replica's address.
    pub place: String,
    /// `None`: it could not be read.
    pub value: Option<u64>,
}

/// A migration, compiled for one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompiledPlan {
    /// What the worker drives.
    pub plan: ShardPlan,
    /// Planner's estimate of the rows that row jobs will visit.
    pub rows_estimate: u64,
    /// Every statement it may run, for people: `pilothouse plan`.
    pub listing: Vec<Listed>,
}

/// One step of the listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The stop it belongs to.
    pub stop: Stop,
    /// Whether it reaches the stop or undoes it.
    pub direction: Direction,
    /// The step.
    pub title: String,
    /// Its statements, complete, in order.
    pub sql: Vec<String>,
    /// The strongest lock it takes and for how long, in plain words.
    pub lock: String,
    /// What stands around the statements.
    #[serde(default)]
    pub frame: Frame,
    /// What it costs, roughly; `None` if it does not grow with the rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<StepEstimate>,
}

/// What stands around the statements of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// One transaction around all of them.
    #[default]
    Transaction,
    /// Nothing: some of them cannot run in a transaction.
    Alone,
}

/// Towards a stop, or back from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Reaches the stop.
    Run,
    /// Undoes it.
    Undo,
}

/// Why a migration cannot be compiled for a shard.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The kind of database cannot do it.
    #[error("{shard}: {what}; {remedy}")]
    NotPossible {
        /// The shard.
        shard: ShardName,
        /// What it cannot do, and why.
        what: String,
        /// What can be done instead.
        remedy: String,
    },
    /// The migration does not fit the tables of this shard.
    #[error("{shard}: {what}; {remedy}")]
    Migration {
        /// The shard.
        shard: ShardName,
        /// The key in the migration file.
        key: String,
        /// What does not fit.
        what: String,
        /// What would.
        remedy: String,
    },
}
