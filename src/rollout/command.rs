//! What operators, gates, guards and workers may say to the heart.

use super::approval::ApprovalAct;
use super::blocker::{Blocker, BlockerEnd};
use super::enrol::PeopleChange;
use super::pending::Window;
use super::state::{Opening, Outcome};
use crate::base::{Actor, Cause, Digest, Fault, MigrationName, Period, RingName, ShardName, Stop};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an act covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every ring.
    Fleet,
    /// One ring.
    Ring(RingName),
    /// One shard.
    Shard(ShardName),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fleet => f.write_str("fleet"),
            Self::Ring(name) => write!(f, "ring {name}"),
            Self::Shard(name) => write!(f, "shard {name}"),
        }
    }
}

/// The verbs of DESIGN §6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Admit a ring (or every ready ring) to its next stop, once.
    Promote,
    /// Close the next stage.
    Hold,
    /// Open it again.
    Release,
    /// Stop work.
    Pause,
    /// Let it go on.
    Resume,
    /// Failed shards: the same step from its probe, with a new budget.
    Retry,
    /// Undo to the end of a stop; ends held.
    RollBack {
        /// The stop whose end is the goal; snapshot means before expand.
        to: Stop,
    },
    /// Undo everything and end the rollout. Fleet only.
    Abort,
    /// During abort: give up an unreachable shard; leftovers are listed.
    Abandon,
    /// End a session that others wait for; its transaction is rolled back. One
    /// shard only.
    EndBlocker(Blocker),
    /// Cap the rows per second of the scope.
    Throttle {
        /// The new cap; `None` lifts it.
        rows_per_s_max: Option<u64>,
    },
    /// Promote by itself up to a stop (or not at all). Fleet only.
    Automate {
        /// The last stop it promotes to; `None` switches it off.
        to: Option<Stop>,
    },
    /// Promote a ring to its next stop within a window, as soon as its gates
    /// pass.
    Schedule(Window),
    /// Take such an order back; for the fleet, all of them.
    Cancel,
    /// Ask for approval, give it, refuse it or take the question back.
    Approval(ApprovalAct),
    /// Do without approvals for a while: loud, with a reason, and a review is
    /// owed afterwards. Fleet only.
    BreakGlass {
        /// For how long.
        lasting: Period,
    },
    /// Look at what was done while glass was broken.
    Review,
    /// Who there is and what they may. Needs no rollout.
    People(Box<PeopleChange>),
}

impl Verb {
    /// The word on screens and in the journal.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::RollBack { .. } => "roll back",
            Self::Abort => "abort",
            Self::Abandon => "abandon",
            Self::EndBlocker(_) => "end blocker",
            Self::Throttle { .. } => "throttle",
            Self::Automate { .. } => "automate",
            Self::Schedule(_) => "schedule",
            Self::Cancel => "cancel",
            Self::Approval(ApprovalAct::Request) => "ask for approval",
            Self::Approval(ApprovalAct::Give { .. }) => "approve",
            Self::Approval(ApprovalAct::Reject { .. }) => "reject",
            Self::Approval(ApprovalAct::Withdraw { .. }) => "withdraw",
            Self::BreakGlass { .. } => "break glass",
            Self::Review => "review",
            Self::People(_) => "people",
        }
    }

    /// Acts that only slow things down: never refused as stale, and taken
    /// even when the journal cannot be written.
    pub fn is_calming(&self) -> bool {
        matches!(self, Self::Pause | Self::Hold)
            || matches!(
                self,
                Self::Throttle {
                    rows_per_s_max: Some(_)
                }
            )
    }
}

/// An act somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Chosen by the sender; a repeat returns the first answer.
    pub key: String,
    /// Who.
    pub actor: Actor,
    /// Why the sender acts: a person, automatic promotion, a guard.
    pub cause: Cause,
    /// Over what.
    pub scope: Scope,
    /// What.
    pub verb: Verb,
    /// The version of the scope that the sender saw.
    pub seen: Option<u64>,
    /// The rollout's id or its migration's name, typed by the sender. A person
    /// must type it to enter contract and to abort.
    pub confirm: Option<String>,
    /// Their reason.
    pub reason: String,
}

/// What a worker found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// First connect, take-over or new primary: who we talk to now.
    Attached {
        /// Which database this is.
        pin: String,
        /// Our fence epoch there.
        epoch: u64,
    },
    /// The stop is finished and durable on the shard.
    Finished {
        /// Which.
        stop: Stop,
        /// The shard's generation when it was finished.
        generation: u64,
        /// What proves it.
        evidence: Evidence,
    },
    /// The stop is undone and that is durable on the shard.
    Undone {
        /// Which.
        stop: Stop,
        /// What bringing dropped values back came to, if anything was dropped.
        restored: Option<Restored>,
    },
    /// A step failed for good.
    Failed {
        /// What happened.
        fault: Fault,
    },
    /// The shard knows less than the journal.
    Regressed {
        /// The newest stop whose end the shard itself can show.
        found: Stop,
        /// The epoch found there.
        epoch: u64,
        /// What told us.
        why: String,
    },
    /// Dual write was off: checkpoints and receipts are void.
    GenerationBumped {
        /// The new generation.
        generation: u64,
        /// What was found.
        why: String,
    },
    /// Another engine owns the shard.
    Fenced {
        /// Its epoch.
        epoch: u64,
    },
    /// Flag share set and seen back by every live client.
    ShareSeen {
        /// In percent.
        percent: u8,
        /// Live clients that have seen it.
        clients: u64,
    },
    /// What became of a session that somebody ordered to end.
    BlockerEnded {
        /// Which.
        blocker: Blocker,
        /// What.
        end: BlockerEnd,
    },
}

/// What a finished stop leaves as proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Rows worked on or compared.
    pub rows: u64,
    /// Chunks committed.
    pub chunks: u64,
    /// Rows that are neither `new = up(old)` nor `old = down(new)`.
    pub stale: u64,
    /// Digest over all of it.
    pub digest: Option<Digest>,
    /// Single findings, in plain words.
    pub notes: Vec<String>,
    /// What a merge restore came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
    /// For how long its rows waited for the throttle, in milliseconds, as far
    /// as the engine that finished it saw that. Roughly, and for people: what
    /// an engine before it saw is not in it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub throttled_ms: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What a merge restore came to, row by row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restored {
    /// Rows that got their exported value back: unchanged since the drop.
    pub exported: u64,
    /// Rows that got `down(new)`: changed or made since the drop.
    pub down: u64,
}

impl Restored {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            exported: self.exported + other.exported,
            down: self.down + other.down,
        }
    }
}

/// Everything that can reach the heart.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Open a rollout.
    Open(Box<Opening>, Actor),
    /// An act.
    Order(Order),
    /// Begin a stop on shards that are due.
    Begin {
        /// Which shards.
        shards: Vec<ShardName>,
        /// Which stop.
        stop: Stop,
    },
    /// The promotion that was scheduled for a ring comes to nothing, and why.
    Lapse(RingName, String),
    /// A worker's finding.
    Report(ShardName, Report),
    /// What pilothouse keeps on the shards goes, once no rollout is open; by
    /// whom and why.
    Forget(Actor, String),
    /// The history of these shards begins with the schema that they have.
    Baseline {
        /// What the beginning is called.
        name: MigrationName,
        /// What the schema is.
        schema: Digest,
        /// Which shards.
        shards: Vec<ShardName>,
        /// By whom.
        actor: Actor,
        /// Why.
        reason: String,
    },
    /// Nothing is left to do.
    End(Outcome),
}
