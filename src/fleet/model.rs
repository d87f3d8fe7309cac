//! The fleet as the rest of the program sees it: checked, plain data.

use super::notify::Notify;
use crate::base::{Ident, Period, RingName, ShardName, Stage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The shards of one environment, with the rules for changing them.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Name of the fleet.
    pub name: String,
    /// What it is used for.
    pub environment: Environment,
    /// Rings in the order in which they go.
    pub rings: Vec<RingName>,
    /// Most shards of one instance that may run a stage at the same time.
    pub instances: BTreeMap<String, u32>,
    /// Every shard, in file order.
    pub shards: Vec<Shard>,
    /// When a ring may go on.
    pub policy: Policy,
    /// When work waits.
    pub throttle: ThrottleLimits,
    /// What is watched all the time once armed.
    pub guards: Vec<Guard>,
    /// Directory of the built-in flag provider (absolute).
    pub flags: PathBuf,
    /// A shard at work that has not moved for so long, with nothing to explain
    /// it, has stalled. No part of the policy that approvals are bound to: it
    /// changes nothing that runs.
    pub stall_after: Period,
    /// Who outside is told when a person is needed.
    pub notify: Vec<Notify>,
    /// Directory of the journal and the engine's lease (absolute).
    pub store: PathBuf,
}

/// What a fleet is used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// For example `prod-eu`.
    pub name: String,
    /// Production demands more before contract.
    pub production: bool,
}

/// One logical database.
#[derive(Clone, Debug)]
pub struct Shard {
    /// Unique in the fleet.
    pub name: ShardName,
    /// The ring it belongs to.
    pub ring: RingName,
    /// The server it lives on; caps count instances.
    pub instance: String,
    /// Where the primary may be; the primary is the one that is not in
    /// recovery and matches the pin.
    pub candidates: Vec<Endpoint>,
    /// Replicas whose lag is watched.
    pub replicas: Vec<Endpoint>,
    /// Free labels for people.
    pub labels: BTreeMap<String, String>,
    /// Role that owns the tables, taken by `SET ROLE` for DDL.
    pub ddl_role: Option<Ident>,
}

/// Where a database is. Passwords are references, never values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// A PostgreSQL server.
    Postgres(PostgresEndpoint),
    /// An SQLite file (absolute path).
    Sqlite(PathBuf),
}

/// A parsed `postgres://` address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PostgresEndpoint {
    /// Host name, address, or absolute socket directory.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Database name.
    pub database: String,
    /// User name.
    pub user: String,
    /// Where the password is.
    pub password: Option<SecretRef>,
    /// Transport security.
    pub tls: Tls,
}

/// Transport security of a PostgreSQL connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tls {
    /// Plain text; accepted on loopback and sockets only.
    Off,
    /// TLS with a verified certificate and host name.
    VerifyFull {
        /// Root certificate file, if not the system's.
        root: Option<PathBuf>,
    },
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretRef {
    /// `env:NAME`
    Env(String),
    /// `file:PATH` (absolute; refused when others may read it)
    File(PathBuf),
    /// `exec:COMMAND ARG …` (no shell; first line of its output)
    Exec(Vec<String>),
}

/// When a ring may go on to its next stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// A ring may enter expand when the ring before it has finished this
    /// stage and soaked; it may enter shift when that one has finished shift
    /// and soaked.
    pub after: Stage,
    /// How long the ring before must have soaked.
    pub soak: Period,
    /// Percentages of shift, rising, ending at 100.
    pub shift_steps: Vec<u8>,
    /// How long a ring soaks at each percentage.
    pub shift_soak: Period,
    /// The rollout pauses itself when more shards than this have failed now.
    pub max_failed_shards: u32,
    /// Oldest verify evidence that a promotion into shift or drop accepts.
    pub verify_age_max: Period,
    /// How long no old-form write may have been seen before retire.
    pub quiet: Period,
    /// Attempts of a step without progress before the shard has failed.
    pub attempts_max: u32,
    /// Distinct approvals needed per stage; a stage not named needs none.
    pub approvals: BTreeMap<Stage, u32>,
    /// Stages whose approvals must be signed with an enrolled key.
    #[serde(default)]
    pub signed: BTreeSet<Stage>,
    /// Whether there is anybody else to approve.
    #[serde(default)]
    pub people: Crew,
    /// How long a request for approval lasts.
    #[serde(default = "approval_ttl")]
    pub approval_ttl: Period,
}

/// How many run a fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crew {
    /// Others can approve.
    #[default]
    Several,
    /// One person runs it: four eyes are not to be had, and that is on record.
    Solo,
}

/// Of journals from before it could be chosen.
fn approval_ttl() -> Period {
    Period::from_ms(8 * 3_600_000)
}

/// When work on a shard waits. A limit of `None` is not watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// How often the signals are read.
    pub poll: Period,
    /// A reading older than this counts as unknown, and unknown as closed.
    pub stale_after: Period,
    /// Replica lag, by heartbeat and WAL position.
    pub replica_lag: Option<Period>,
    /// Sessions running a statement now, ours not counted.
    pub active_sessions: Option<u64>,
    /// WAL kept back by replication slots, in bytes.
    pub slot_wal_bytes: Option<u64>,
    /// Age of the oldest transaction that holds cleanup back.
    pub oldest_transaction: Option<Period>,
    /// WAL segments waiting for the archiver.
    pub archive_segments: Option<u64>,
    /// Least free disk space, in bytes, where it can be seen.
    pub disk_free_bytes: Option<u64>,
}

/// A condition watched all the time once armed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Name for people.
    pub name: String,
    /// The signal it looks at, by its wire name, such as `replica_lag_ms`.
    pub signal: String,
    /// Breached above this value.
    pub above: u64,
    /// How long it must stay breached.
    pub lasting: Period,
    /// What happens then.
    pub action: GuardAction,
}

/// What a breached guard does to the shard's ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardAction {
    /// Close the next stage.
    Hold,
    /// Stop work now.
    Pause,
    /// Undo to the end of snapshot.
    RollBack,
}
