//! Who outside is told, as data.

use super::model::SecretRef;
use crate::base::Period;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Somebody outside who is told when a person is needed or something ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Unique in the fleet, for people.
    pub name: String,
    /// How it is told.
    pub to: NotifyTo,
    /// Of what; `None` means of everything.
    pub events: Option<BTreeSet<NotifyEvent>>,
    /// How long one try may take.
    pub timeout: Period,
}

/// How somebody is told. Addresses are secrets: many hold a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifyTo {
    /// A POST of JSON, signed as "Standard Webhooks" describe.
    Webhook {
        /// Where its URL is.
        url: SecretRef,
        /// Where its signing key is.
        key: SecretRef,
    },
    /// A POST of `{"text": …}`, as Slack and its like take it.
    Slack {
        /// Where its URL is.
        url: SecretRef,
    },
    /// A program of this machine, with the JSON on its stdin. No shell.
    Command {
        /// Program and arguments.
        argv: Vec<String>,
        /// Where it runs (absolute): the directory of the fleet file.
        directory: PathBuf,
    },
}

impl NotifyTo {
    /// The word of the fleet file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Command { .. } => "command",
        }
    }
}

/// What somebody outside is told of: it needs a person, or it ends something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotifyEvent {
    /// Somebody asks for approval.
    ApprovalAsked,
    /// A request for approval will soon end by itself.
    ApprovalExpiring,
    /// A gate keeps a ring back, and waiting alone will not open it.
    GateFailed,
    /// A guard was breached and has acted.
    GuardFired,
    /// A shard has failed.
    ShardFailed,
    /// A shard does not move, and nothing explains it.
    Stalled,
    /// Nobody answers on a shard for a minute.
    Unreachable,
    /// A rule has paused.
    Paused,
    /// A rule has closed the next stage.
    Held,
    /// A ring may be promoted.
    Promotable,
    /// Approvals were set aside, or a review of it is owed.
    GlassBroken,
    /// The journal cannot be written.
    JournalStuck,
    /// A scheduled promotion has come to nothing.
    Lapsed,
    /// A rollback has ended.
    RolledBack,
    /// The rollout has ended.
    Done,
}

impl NotifyEvent {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::ApprovalAsked,
        Self::ApprovalExpiring,
        Self::GateFailed,
        Self::GuardFired,
        Self::ShardFailed,
        Self::Stalled,
        Self::Unreachable,
        Self::Paused,
        Self::Held,
        Self::Promotable,
        Self::GlassBroken,
        Self::JournalStuck,
        Self::Lapsed,
        Self::RolledBack,
        Self::Done,
    ];

    /// The word of the fleet file and of messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::ApprovalAsked => "approval_asked",
            Self::ApprovalExpiring => "approval_expiring",
            Self::GateFailed => "gate_failed",
            Self::GuardFired => "guard_fired",
            Self::ShardFailed => "shard_failed",
            Self::Stalled => "stalled",
            Self::Unreachable => "unreachable",
            Self::Paused => "paused",
            Self::Held => "held",
            Self::Promotable => "promotable",
            Self::GlassBroken => "glass_broken",
            Self::JournalStuck => "journal_stuck",
            Self::Lapsed => "lapsed",
            Self::RolledBack => "rolled_back",
            Self::Done => "done",
        }
    }
}
