//! What happened: the only thing that changes the state.

use super::approval::Approval;
use super::blocker::{Blocker, BlockerEnd};
use super::command::{Evidence, Restored, Scope};
use super::enrol::PeopleChange;
use super::gate::GateReading;
use super::keys::Signed;
use super::pending::Pending;
use super::state::{Auto, Mark, Opening, Outcome};
use crate::base::{
    Actor, Cause, Digest, Fault, MigrationName, RingName, ShardName, Stop, Timestamp,
};
use crate::journal::Seal;
use serde::{Deserialize, Serialize};

/// An event with its circumstances, ready for the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// Over what.
    pub scope: Scope,
    /// Why.
    pub cause: Cause,
    /// The order's key, on the first fact of an order.
    pub key: Option<String>,
    /// The sender's reason.
    pub reason: String,
    /// What.
    pub event: Event,
}

impl Fact {
    /// Who did it, when and why.
    pub fn mark(&self) -> Mark {
        Mark {
            by: self.actor.clone(),
            at: self.at,
            reason: self.reason.clone(),
            cause: self.cause,
        }
    }
}

/// The closed list of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "with")]
pub enum Event {
    /// A rollout begins.
    RolloutOpened(Box<Opening>),
    /// A ring may run its next stop.
    RingAdmitted {
        /// Which ring.
        ring: RingName,
        /// Up to where.
        stop: Stop,
        /// What the gates said at that moment.
        readings: Vec<GateReading>,
    },
    /// The intent to run a stop on these shards.
    StageBegun {
        /// Which stop.
        stop: Stop,
        /// On which shards.
        shards: Vec<ShardName>,
        /// Digest of what runs.
        plan_digest: Digest,
        /// Digest of where.
        shard_set_digest: Digest,
    },
    /// A shard finished its stop.
    StageDone {
        /// Which.
        stop: Stop,
        /// The shard's generation.
        generation: u64,
        /// What proves it.
        evidence: Evidence,
    },
    /// A shard undid a stop.
    StageUndone {
        /// Which.
        stop: Stop,
        /// What bringing dropped values back came to, if anything was dropped.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restored: Option<Restored>,
    },
    /// Who we talk to on a shard, and with which fence epoch.
    ShardAttached {
        /// Which database.
        pin: String,
        /// Our epoch.
        epoch: u64,
    },
    /// A step failed for good.
    ShardFailed {
        /// What happened.
        fault: Fault,
    },
    /// The shard knows less than the journal.
    ShardRegressed {
        /// Where it stands.
        found: Stop,
        /// Its epoch.
        epoch: u64,
        /// What told us.
        why: String,
    },
    /// Checkpoints and receipts of the shard are void.
    GenerationBumped {
        /// The new generation.
        generation: u64,
        /// What was found.
        why: String,
    },
    /// Another engine owns the shard.
    ShardFenced {
        /// Its epoch.
        epoch: u64,
    },
    /// The flag share that live clients have seen.
    ShareSeen {
        /// In percent.
        percent: u8,
        /// Live clients.
        clients: u64,
    },
    /// The next stage is closed.
    Held,
    /// It is open again.
    Released,
    /// Work stops.
    Paused,
    /// Work goes on.
    Resumed,
    /// Failed shards try again.
    Retried {
        /// Which.
        shards: Vec<ShardName>,
    },
    /// Undo begins.
    RollbackBegun {
        /// To the end of this stop.
        to: Stop,
        /// On these shards.
        shards: Vec<ShardName>,
    },
    /// Everything is undone, then the rollout ends.
    AbortBegun,
    /// An unreachable shard was given up.
    ShardAbandoned,
    /// The intent to end a session that others wait for.
    BlockerEnding {
        /// Which.
        blocker: Blocker,
    },
    /// What became of it.
    BlockerEnded {
        /// Which.
        blocker: Blocker,
        /// What.
        end: BlockerEnd,
    },
    /// A rows-per-second cap.
    Throttled {
        /// The cap.
        rows_per_s_max: Option<u64>,
    },
    /// Automatic promotion changed.
    Automated {
        /// How far it goes now.
        auto: Option<Auto>,
    },
    /// A promotion was ordered ahead of its time.
    PromotionScheduled(Box<Pending>),
    /// Such an order was taken back.
    PromotionCancelled {
        /// Which.
        id: String,
    },
    /// Such an order came to nothing.
    PromotionLapsed {
        /// Which.
        id: String,
        /// Why it was not carried out.
        why: String,
    },
    /// Somebody asks for approval of a promotion.
    ApprovalRequested(Box<Approval>),
    /// Somebody else said yes.
    ApprovalGiven {
        /// To which request.
        id: String,
        /// Their signature, if they gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Box<Signed>>,
    },
    /// Somebody else said no.
    ApprovalRejected {
        /// To which request.
        id: String,
    },
    /// The question was taken back.
    ApprovalWithdrawn {
        /// Which request.
        id: String,
    },
    /// A promotion used it.
    ApprovalConsumed {
        /// Which request.
        id: String,
    },
    /// No approval is needed for a while.
    GlassBroken {
        /// Until when.
        until: Timestamp,
    },
    /// Somebody else looked at what was done meanwhile.
    GlassReviewed,
    /// Somebody was enrolled or revoked, or a token was.
    PeopleChanged(PeopleChange),
    /// The engine signed where the journal ends.
    HeadSealed(Box<Seal>),
    /// The intent to begin the history of these shards with their schema.
    Baselined {
        /// What the beginning is called.
        name: MigrationName,
        /// What the schema is.
        schema: Digest,
        /// Which shards.
        shards: Vec<ShardName>,
    },
    /// The intent to remove what pilothouse keeps on the shards.
    Forgotten,
    /// The rollout is over.
    RolloutEnded {
        /// How.
        outcome: Outcome,
    },
}

impl Event {
    /// The journal's word for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RolloutOpened(_) => "rollout_opened",
            Self::RingAdmitted { .. } => "ring_admitted",
            Self::StageBegun { .. } => "stage_begun",
            Self::StageDone { .. } => "stage_done",
            Self::StageUndone { .. } => "stage_undone",
            Self::ShardAttached { .. } => "shard_attached",
            Self::ShardFailed { .. } => "shard_failed",
            Self::ShardRegressed { .. } => "shard_regressed",
            Self::GenerationBumped { .. } => "generation_bumped",
            Self::ShardFenced { .. } => "shard_fenced",
            Self::ShareSeen { .. } => "share_seen",
            Self::Held => "held",
            Self::Released => "released",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Retried { .. } => "retried",
            Self::RollbackBegun { .. } => "rollback_begun",
            Self::AbortBegun => "abort_begun",
            Self::ShardAbandoned => "shard_abandoned",
            Self::BlockerEnding { .. } => "blocker_ending",
            Self::BlockerEnded { .. } => "blocker_ended",
            Self::Throttled { .. } => "throttled",
            Self::Automated { .. } => "automated",
            Self::PromotionScheduled(_) => "promotion_scheduled",
            Self::PromotionCancelled { .. } => "promotion_cancelled",
            Self::PromotionLapsed { .. } => "promotion_lapsed",
            Self::ApprovalRequested(_) => "approval_requested",
            Self::ApprovalGiven { .. } => "approval_given",
            Self::ApprovalRejected { .. } => "approval_rejected",
            Self::ApprovalWithdrawn { .. } => "approval_withdrawn",
            Self::ApprovalConsumed { .. } => "approval_consumed",
            Self::GlassBroken { .. } => "glass_broken",
            Self::GlassReviewed => "glass_reviewed",
            Self::PeopleChanged(_) => "people_changed",
            Self::HeadSealed(_) => crate::journal::SEAL_KIND,
            Self::Baselined { .. } => "baselined",
            Self::Forgotten => "forgotten",
            Self::RolloutEnded { .. } => "rollout_ended",
        }
    }
}
