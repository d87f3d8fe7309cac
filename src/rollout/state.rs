//! What is known of a rollout: the fold of its journal, nothing else.

use super::approval::{Approval, Glass};
use super::blocker::Blocker;
use super::command::Scope;
use super::pending::Pending;
use super::people::People;
use super::tally::Tally;
use crate::base::{
    Actor, Cause, Digest, Fault, MigrationName, RingName, ShardName, Stop, Timestamp,
};
use crate::fleet::{Guard, Policy};
use crate::journal::Head;
use crate::migration::lint::Waiver;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything the journal says. Replaying the journal gives it back exactly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The newest rollout, open or ended.
    pub rollout: Option<Rollout>,
    /// Who there is. Outlives every rollout.
    #[serde(default)]
    pub people: People,
    /// The newest head that the engine has signed.
    #[serde(default)]
    pub sealed: Option<Head>,
    /// Number of facts folded so far.
    pub facts: u64,
}

impl State {
    /// The rollout that is still open, if any.
    pub fn open(&self) -> Option<&Rollout> {
        self.rollout.as_ref().filter(|r| r.outcome.is_none())
    }
}

/// What was opened: fixed for the life of the rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Id of the rollout, unique in the fleet.
    pub id: String,
    /// The migration.
    pub migration: MigrationName,
    /// Digest of what will run.
    pub plan_digest: Digest,
    /// Digest of where it will run.
    pub shard_set_digest: Digest,
    /// When a ring may go on.
    pub policy: Policy,
    /// What is watched all the time.
    pub guards: Vec<Guard>,
    /// Every stop, in order.
    pub route: Vec<Stop>,
    /// Rings in order, each with its shards.
    pub rings: Vec<(RingName, Vec<Member>)>,
    /// Most shards of one instance that may run at the same time.
    pub instance_caps: BTreeMap<String, u32>,
    /// Contract by automatic promotion is refused in production.
    pub production: bool,
    /// Rules of the lint that were waived, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waiver>,
}

impl Opening {
    /// Whether what was typed names this rollout: its id or its migration.
    pub fn is_named(&self, typed: &str) -> bool {
        typed == self.id || typed == self.migration.as_str()
    }

    /// The stop after `stop`.
    pub fn stop_after(&self, stop: Stop) -> Option<Stop> {
        self.route.iter().copied().find(|s| *s > stop)
    }

    /// The stop before `stop`.
    pub fn stop_before(&self, stop: Stop) -> Option<Stop> {
        self.route.iter().copied().rfind(|s| *s < stop)
    }
}

/// A shard as a member of a ring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The shard.
    pub shard: ShardName,
    /// The server it lives on.
    pub instance: String,
}

/// One run of a migration over a fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// What was opened.
    pub opening: Opening,
    /// When.
    pub opened_at: Timestamp,
    /// Rings by name; their order is `opening.rings`.
    pub rings: BTreeMap<RingName, RingState>,
    /// Shards by name.
    pub shards: BTreeMap<ShardName, ShardState>,
    /// No ring gets its next stage.
    pub hold: Option<Hold>,
    /// No work anywhere.
    pub paused: Option<Mark>,
    /// Rows per second and shard, fleet-wide.
    pub rows_per_s_max: Option<u64>,
    /// Automatic promotion, as far as it goes.
    pub auto: Option<Auto>,
    /// Everything is being undone for good.
    pub aborting: Option<Mark>,
    /// Set when the rollout has ended.
    pub outcome: Option<Outcome>,
    /// Somebody has ordered to remove what is kept on the shards.
    #[serde(default)]
    pub forgotten: Option<Mark>,
    /// Changes whenever something that a fleet dialog shows changes.
    pub version: u64,
    /// Keys of orders that were accepted: a repeat is a no-op.
    pub keys: BTreeSet<String>,
    /// What was asked to be approved, oldest first.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// Each time that approvals were set aside, oldest first: those that last
    /// and those whose review is owed, also from earlier rollouts.
    #[serde(default)]
    pub glass: Vec<Glass>,
}

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every shard has finished the last stop.
    Done,
    /// Everything was undone.
    Aborted,
}

/// Automatic promotion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auto {
    /// The last stop it promotes to.
    pub to: Stop,
    /// Who switched it on.
    pub by: Actor,
}

/// Who did something, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Their reason.
    pub reason: String,
    /// Why the engine sees it this way.
    pub cause: Cause,
}

/// The next stage stays closed, to automatic promotion too, until release.
pub type Hold = Mark;

/// An ordered group of shards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RingState {
    /// Its shards, in file order.
    pub shards: Vec<ShardName>,
    /// Every shard of the ring may run up to here.
    pub admitted: Stop,
    /// When it was admitted there.
    pub admitted_at: Timestamp,
    /// How far its live shards have come.
    pub tally: Tally,
    /// When the ring finished each stop.
    pub finished: BTreeMap<Stop, Timestamp>,
    /// The next promotion, ordered ahead of its time.
    #[serde(default)]
    pub pending: Option<Pending>,
    /// The next stage stays closed.
    pub hold: Option<Hold>,
    /// No work in this ring.
    pub paused: Option<Mark>,
    /// Rows per second and shard, in this ring.
    pub rows_per_s_max: Option<u64>,
    /// Changes whenever something that a ring dialog shows changes.
    pub version: u64,
}

/// Where a shard stands within its stop.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Admitted, not begun.
    Waiting,
    /// Begun: the intent is in the journal.
    Running,
    /// Finished.
    Done,
    /// Stopped by an error; retry or roll back.
    Failed,
    /// Being undone, towards the goal in [`ShardState::undo`].
    RollingBack,
    /// Undone to before expand; not part of its ring's stage any more.
    RolledBack,
    /// Given up by a person during abort; leftovers are listed.
    Abandoned,
}

impl Phase {
    /// The word on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::RollingBack => "rolling back",
            Self::RolledBack => "rolled back",
            Self::Abandoned => "abandoned",
        }
    }
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardState {
    /// Its ring.
    pub ring: RingName,
    /// Its server.
    pub instance: String,
    /// The stop it stands at.
    pub at: Stop,
    /// Where it stands within that stop.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// Newest stop that was ever begun and is not undone yet. After a regress
    /// it lies beyond `at`: something of it may still be there.
    pub begun: Option<Stop>,
    /// While set, work undoes stops down to the end of its goal.
    pub undo: Option<Undo>,
    /// No work on this shard.
    pub paused: Option<Mark>,
    /// Why it failed.
    pub failure: Option<Fault>,
    /// Somebody's session there that is to be ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Blocker>,
    /// Newest fence epoch the journal knows.
    pub epoch: u64,
    /// Which database this is; set by the first connect.
    pub pin: Option<String>,
    /// Counter that voids checkpoints and receipts when dual write was off.
    pub generation: u64,
    /// Newest proof.
    pub verified: Option<Verified>,
    /// What its newest finished stop found that is worth knowing before the
    /// next one: at the end of shift, what a way back would lose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to_know: Vec<String>,
    /// Share of reads and writes on the new form, seen back, in percent.
    pub share_percent: u8,
    /// Rows per second.
    pub rows_per_s_max: Option<u64>,
    /// Changes whenever something that a shard dialog shows changes.
    pub version: u64,
}

/// A rollback under way on a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The stop whose end is the goal; snapshot means before expand.
    pub to: Stop,
    /// When it was ordered: it interrupts pauses that are older.
    pub at: Timestamp,
}

/// Proof that every row was right, in one generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// When the proof was finished.
    pub at: Timestamp,
    /// The generation it holds for.
    pub generation: u64,
    /// Rows compared.
    pub rows: u64,
    /// Digest over coverage, counts and both-seed digests.
    pub evidence: Digest,
}

impl ShardState {
    /// The stop that its undo begins with: where it stands, or the half-done
    /// stop after that which a regress may have left.
    pub fn undo_from(&self, opening: &Opening) -> Stop {
        opening
            .stop_after(self.at)
            .filter(|next| self.begun >= Some(*next))
            .unwrap_or(self.at)
    }
}

impl Rollout {
    /// The stop after `stop`.
    pub fn stop_after(&self, stop: Stop) -> Option<Stop> {
        self.opening.stop_after(stop)
    }

    /// The stop before `stop`.
    pub fn stop_before(&self, stop: Stop) -> Option<Stop> {
        self.opening.stop_before(stop)
    }

    /// The stop that a promotion would admit a ring to.
    pub fn next_stop(&self, ring: &RingState) -> Option<Stop> {
        self.stop_after(self.ring_stop(ring)?)
    }

    /// See [`ShardState::undo_from`].
    pub fn undo_from(&self, shard: &ShardState) -> Stop {
        shard.undo_from(&self.opening)
    }

    /// The last stop.
    pub fn last_stop(&self) -> Stop {
        // A route is never empty: `open` refuses one without stops.
        self.opening
            .route
            .last()
            .copied()
            .unwrap_or(Stop::Preflight)
    }

    /// The end of snapshot: what "before expand" means.
    pub fn before_expand(&self) -> Stop {
        Stop::Snapshot
    }

    /// Ring names in their order.
    pub fn ring_order(&self) -> impl DoubleEndedIterator<Item = &RingName> {
        self.opening.rings.iter().map(|(name, _)| name)
    }

    /// The ring before `ring`.
    pub fn ring_before(&self, ring: &RingName) -> Option<&RingName> {
        let place = self.ring_order().position(|name| name == ring)?;
        self.ring_order().nth(place.checked_sub(1)?)
    }

    /// Shards of a ring that count for its stage: not rolled back, not abandoned.
    pub fn live<'a>(
        &'a self,
        ring: &'a RingState,
    ) -> impl Iterator<Item = (&'a ShardName, &'a ShardState)> {
        ring.shards
            .iter()
            .filter_map(|name| self.shards.get_key_value(name))
            .filter(|(_, shard)| shard.is_live())
    }

    /// A ring's stop: the lowest of its live shards; `None` if it has none.
    pub fn ring_stop(&self, ring: &RingState) -> Option<Stop> {
        self.live(ring).map(|(_, shard)| shard.at).min()
    }

    /// Shards of a scope on which drop was begun: their way back is a merge
    /// restore.
    pub fn dropped(&self, scope: &Scope) -> Vec<ShardName> {
        let begun =
            |s: &ShardState| matches!(s.phase, Phase::Running | Phase::Done | Phase::Failed);
        let dropped = |s: &ShardState| begun(s) && self.undo_from(s) == Stop::Drop;
        let mut covered = self.covered(scope);
        covered.retain(|name| self.shards.get(name).is_some_and(dropped));
        covered
    }

    /// Shards a scope covers, in file order.
    pub fn covered(&self, scope: &Scope) -> Vec<ShardName> {
        match scope {
            Scope::Fleet => self
                .opening
                .rings
                .iter()
                .flat_map(|(_, members)| members.iter().map(|m| m.shard.clone()))
                .collect(),
            Scope::Ring(name) => self
                .rings
                .get(name)
                .map_or_else(Vec::new, |r| r.shards.clone()),
            Scope::Shard(name) => self
                .shards
                .contains_key(name)
                .then(|| name.clone())
                .into_iter()
                .collect(),
        }
    }

    /// The version of a scope; `None` if there is no such scope.
    pub fn version_of(&self, scope: &Scope) -> Option<u64> {
        match scope {
            Scope::Fleet => Some(self.version),
            Scope::Ring(name) => self.rings.get(name).map(|r| r.version),
            Scope::Shard(name) => self.shards.get(name).map(|s| s.version),
        }
    }

    /// The pause that stops this shard now, the widest first. A rollback
    /// interrupts the pauses that were there before it.
    pub fn pause_over<'a>(&'a self, shard: &'a ShardState) -> Option<&'a Mark> {
        let ring = self.rings.get(&shard.ring).and_then(|r| r.paused.as_ref());
        [self.paused.as_ref(), ring, shard.paused.as_ref()]
            .into_iter()
            .flatten()
            .find(|mark| shard.undo.is_none_or(|undo| mark.at > undo.at))
    }

    /// The hold that closes this ring's next stage, the widest first.
    pub fn hold_over<'a>(&'a self, ring: &'a RingState) -> Option<&'a Hold> {
        self.hold.as_ref().or(ring.hold.as_ref())
    }

    /// The lowest rows-per-second cap that applies to this shard.
    pub fn rows_per_s_max(&self, shard: &ShardState) -> Option<u64> {
        let ring = self.rings.get(&shard.ring).and_then(|r| r.rows_per_s_max);
        [self.rows_per_s_max, ring, shard.rows_per_s_max]
            .into_iter()
            .flatten()
            .min()
    }

    /// Shards that have failed and are not mended yet.
    pub fn failed_now(&self) -> Vec<&ShardName> {
        self.shards
            .iter()
            .filter(|(_, s)| s.phase == Phase::Failed)
            .map(|(name, _)| name)
            .collect()
    }
}
