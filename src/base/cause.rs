//! Why something is the way it is, told so that a person can act on it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The closed list of reasons that the record and the screens know.
///
/// A screen shows the word; programs match on the variant.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A person asked for it.
    Operator,
    /// The rollout is on automatic promotion.
    Automatic,
    /// A person asked for it ahead of its time.
    Scheduled,
    /// The engine's reconcile loop found it due.
    Reconcile,
    /// More shards have failed than the policy allows.
    FailedBudget,
    /// The shard knows less than the journal: failover, restore, lost commits.
    Regressed,
    /// A guard was breached.
    Guard,
    /// A rollback ended here and waits for a decision.
    RolledBack,
    /// A step failed for good.
    StepFailed,
    /// Another engine took the shard over.
    Fenced,
}

impl Cause {
    /// The word shown on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Automatic => "automatic",
            Self::Scheduled => "scheduled",
            Self::Reconcile => "reconcile",
            Self::FailedBudget => "failed budget",
            Self::Regressed => "shard regressed",
            Self::Guard => "guard",
            Self::RolledBack => "rolled back",
            Self::StepFailed => "step failed",
            Self::Fenced => "another engine",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A failure as an operator reads it: what, where, why, what pilothouse did,
/// what they can do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Stable code, for example a SQLSTATE or `preflight/usable_key`.
    pub code: String,
    /// What happened, one sentence.
    pub what: String,
    /// Where: shard, step, statement, key range.
    pub place: String,
    /// Why, if known.
    pub why: Option<String>,
    /// What pilothouse did about it.
    pub did: String,
    /// What the operator can do now.
    pub can: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.place, self.code, self.what)?;
        if let Some(why) = &self.why {
            write!(f, ", because {why}")?;
        }
        write!(f, "; {}; {}", self.did, self.can)
    }
}
