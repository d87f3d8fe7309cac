//! Everything that `pilothouse status` and the cockpit show, as plain data.
//!
//! No ages in here, only moments: a view does not change because time passes.

use super::RestoreCount;
use super::approval::{ApprovalView, GlassView};
use super::gate::GateView;
use super::need::NeedKind;
use super::notify::NotifyView;
use super::standing::{Sign, Standing};
use super::telemetry::{CheckCount, FlagSeen};
use crate::base::{Contacts, Fault, MigrationName, RingName, ShardName, Stop, Timestamp};
use crate::journal::{Head, LogId};
use crate::rollout::{
    Auto, Mark, Outcome, Pending, Phase, Reading, Scope, ThrottleReason, Verified,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One fleet at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FleetView {
    /// Names, marks and outcome.
    pub header: Header,
    /// Sums over all shards.
    pub totals: Totals,
    /// Rings in their order.
    pub rings: Vec<RingView>,
    /// Shards in file order.
    pub shards: Vec<ShardView>,
    /// What waits for a person, the most urgent first.
    pub needs_you: Vec<Need>,
    /// The last events, oldest first.
    pub events: Vec<EventView>,
}

/// What the fleet is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Name of the fleet.
    pub fleet: String,
    /// Name of the environment, for example `prod-eu`.
    pub environment: String,
    /// Whether it is labelled production.
    pub production: bool,
}

/// Names, marks and outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Which fleet.
    pub identity: Identity,
    /// Whom to call.
    #[serde(default, skip_serializing_if = "Contacts::is_empty")]
    pub contacts: Contacts,
    /// The newest rollout, open or ended.
    pub rollout: Option<RolloutView>,
    /// Which journal it is all read from.
    #[serde(default)]
    pub log: Option<LogId>,
    /// Where the journal ends.
    pub head: Option<Head>,
    /// Where it ended when the engine signed it last.
    #[serde(default)]
    pub sealed: Option<Head>,
    /// Since when the journal cannot be written, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwritten_since: Option<Timestamp>,
    /// Those outside who are told when somebody is needed, and how that goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotifyView>,
}

/// The rollout as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutView {
    /// Its id.
    pub id: String,
    /// Its migration.
    pub migration: MigrationName,
    /// First digits of the plan's digest.
    pub plan: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Every stop, in order.
    pub route: Vec<Stop>,
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
    /// No work anywhere.
    pub paused: Option<Mark>,
    /// No ring gets its next stage.
    pub hold: Option<Mark>,
    /// Everything is being undone for good.
    pub aborting: Option<Mark>,
    /// Automatic promotion, as far as it goes.
    pub auto: Option<Auto>,
    /// Rows per second and shard, fleet-wide.
    pub rows_per_s_max: Option<u64>,
    /// Shards that may have failed before the rollout pauses itself.
    pub failed_allowed: u32,
    /// Requests for approval that can still be decided on or used.
    #[serde(default)]
    pub approvals: Vec<ApprovalView>,
    /// Approvals were set aside, and nobody has reviewed it.
    #[serde(default)]
    pub glass: Vec<GlassView>,
    /// Version of the fleet scope.
    pub version: u64,
    /// Is it all right, and what happens next by itself?
    pub standing: Standing,
}

/// Sums over all shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Shards.
    pub shards: u32,
    /// Shards that have failed and are not mended yet.
    pub failed: u32,
    /// Shards whose rows are being worked on now.
    pub at_work: u32,
    /// Rows finished by shards in a stage that counts rows, those that stand
    /// still or are done with it among them.
    pub rows_done: u64,
    /// Rows there will be, as far as estimated; `None` if nothing is counted.
    pub rows_total: Option<u64>,
    /// Rows per second of all shards together.
    pub rows_per_s: Option<u64>,
    /// When the last of [`Self::at_work`] will end.
    pub eta: Eta,
    /// The worst replica lag.
    pub lag_max: Option<LagMax>,
}

/// When the work that runs will end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Eta {
    /// No counted work runs.
    #[default]
    Idle,
    /// Not enough is known yet.
    Measuring,
    /// Between these, in seconds from now.
    Range {
        /// At the fastest rate seen lately.
        from_s: u64,
        /// At the slowest.
        to_s: u64,
    },
}

/// The worst replica lag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LagMax {
    /// Where.
    pub shard: ShardName,
    /// How much, in milliseconds, and when it was read.
    pub lag_ms: Reading,
}

/// One ring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RingView {
    /// Its name.
    pub name: RingName,
    /// Shards in it.
    pub shards: u32,
    /// Where it stands: the lowest of its live shards.
    pub stop: Option<Stop>,
    /// Every shard may run up to here.
    pub admitted: Stop,
    /// The stop a promotion would admit it to.
    pub next: Option<Stop>,
    /// The flight plan: one cell per stop of the route.
    pub cells: Vec<Cell>,
    /// Its next promotion, ordered ahead of its time.
    #[serde(default)]
    pub pending: Option<Pending>,
    /// The next stage stays closed.
    pub hold: Option<Mark>,
    /// No work in this ring.
    pub paused: Option<Mark>,
    /// Rows per second and shard, in this ring.
    pub rows_per_s_max: Option<u64>,
    /// How its shards would get back, the hardest way first, and how many.
    pub ways_back: Vec<(WayBack, u32)>,
    /// Every gate before [`Self::next`].
    pub gates: Vec<GateView>,
    /// Why it moves or not.
    pub standing: Standing,
    /// Version of the ring's scope.
    pub version: u64,
}

/// One ring at one stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Which stop.
    pub stop: Stop,
    /// The mark.
    pub sign: Sign,
    /// A word or two beside it; empty for none.
    pub text: String,
}

/// How far a shard is within its stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Nothing runs.
    None,
    /// It runs and cannot be counted.
    Unmeasured,
    /// It runs.
    Percent(u8),
    /// It is done.
    Done,
}

/// How a shard would get back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WayBack {
    /// Nothing was changed.
    NothingToUndo,
    /// Exactly, by dropping what was added.
    Exact,
    /// Flag back first, then exactly.
    FlagBack,
    /// Exported values merged back; later writes go through `down`.
    MergeRestore,
}

impl WayBack {
    /// All of them, the hardest first.
    pub const ALL: [Self; 4] = [
        Self::MergeRestore,
        Self::FlagBack,
        Self::Exact,
        Self::NothingToUndo,
    ];

    /// The words on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::NothingToUndo => "nothing to undo",
            Self::Exact => "exact",
            Self::FlagBack => "flag back",
            Self::MergeRestore => "merge restore",
        }
    }
}

/// Why chunks wait, with everything needed to judge it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttled {
    /// Share of the last minute spent waiting, in percent.
    pub percent: Option<u8>,
    /// Every reason, all of them; empty means open.
    pub reasons: Vec<ThrottleReason>,
    /// When it was judged; `None` means never.
    pub read_at: Option<Timestamp>,
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShardView {
    /// Its name.
    pub name: ShardName,
    /// Its ring.
    pub ring: RingName,
    /// Its server.
    pub instance: String,
    /// Where it stands.
    pub stop: Stop,
    /// And how, within that stop.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// How far within that stop.
    pub progress: Progress,
    /// Rows finished in the current stage.
    pub rows_done: u64,
    /// Rows there will be.
    pub rows_total: Option<u64>,
    /// Rows per second.
    pub rows_per_s: Option<u64>,
    /// The cap on it, the lowest that applies.
    pub rows_per_s_max: Option<u64>,
    /// Rows of the newest chunk.
    pub chunk_rows: Option<u64>,
    /// Median time of a chunk.
    pub chunk_ms_p50: Option<u64>,
    /// Time that nine of ten chunks stay under.
    pub chunk_ms_p90: Option<u64>,
    /// Why chunks wait.
    pub throttled: Throttled,
    /// What answers there: kind of database, version, present primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Replica lag in milliseconds, of the worst replica that was seen.
    pub lag_ms: Option<Reading>,
    /// Replicas whose lag could not be read.
    #[serde(default)]
    pub replicas_unseen: u32,
    /// Share of reads and writes on the new form, seen back, in percent.
    pub share_percent: u8,
    /// What its clients had seen when they were asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag_seen: Option<FlagSeen>,
    /// Checks of the current stage.
    pub checks: Option<CheckCount>,
    /// Newest proof.
    pub verified: Option<Verified>,
    /// What its newest finished stop found that is worth knowing before the
    /// next one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_know: Vec<String>,
    /// How it would get back.
    pub way_back: WayBack,
    /// What a merge restore would give, where somebody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreCount>,
    /// What it is doing now, in a few words.
    pub now: String,
    /// Why it moves or not.
    pub standing: Standing,
    /// Since when nothing has moved there, if nothing explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled_since: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<Fault>,
    /// No work on this shard.
    pub paused: Option<Mark>,
    /// Fence epoch.
    pub epoch: u64,
    /// Version of the shard's scope.
    pub version: u64,
}

/// Something that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// What kind of thing.
    pub kind: NeedKind,
    /// Over what.
    pub scope: Scope,
    /// The mark.
    pub sign: Sign,
    /// What is wanted.
    pub what: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// What clears it.
    pub clears: String,
    /// Who did it, if it was an act.
    pub by: Option<String>,
}

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventView {
    /// Number in the journal.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Over what.
    pub scope: Scope,
    /// Who.
    pub actor: String,
    /// What, as a sentence.
    pub text: String,
    /// What stands at its moment on a time axis, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
}
