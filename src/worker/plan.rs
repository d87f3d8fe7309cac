//! What a stop consists of on one shard, in words every kind understands.

use crate::base::Stop;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All stops of a migration on one shard. The SQL behind a step id is known
/// only to the shard's own kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardPlan {
    /// Per stop: how it is reached and how it is undone.
    pub stops: BTreeMap<Stop, StopPlan>,
}

/// One stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopPlan {
    /// Steps that reach it, in order.
    pub run: Vec<Step>,
    /// Steps that undo it, in order. They work from any half-done state.
    pub undo: Vec<Step>,
}

/// One idempotent action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// One action with a probe: is it already so?
    Act {
        /// Names it to the shard's kind.
        id: String,
        /// For people.
        title: String,
    },
    /// Looks at something and finds it good, bad, or not yet good.
    Check {
        /// Names it to the shard's kind.
        id: String,
        /// For people.
        title: String,
    },
    /// Works through every row of a table, in chunks.
    Rows(RowJob),
    /// Sets the share of reads and writes that uses the new form, and waits
    /// until every live client has seen it.
    Share {
        /// In percent.
        percent: u8,
    },
}

impl Step {
    /// For people.
    pub fn title(&self) -> String {
        match self {
            Self::Act { title, .. } | Self::Check { title, .. } => title.clone(),
            Self::Rows(job) => job.title.clone(),
            Self::Share { percent } => format!("flag to {percent} %"),
        }
    }
}

/// Work on every row of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowJob {
    /// Names the job to the shard's kind and in its checkpoint rows.
    pub id: String,
    /// For people.
    pub title: String,
    /// What is done with the rows.
    pub kind: RowJobKind,
}

/// What is done with the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowJobKind {
    /// Write the new form. Bounded at the start: later rows are the trigger's.
    Fill,
    /// Compare every row and digest both forms. Writes nothing but its notes.
    Verify,
    /// Copy what a drop will lose into our schema.
    Export,
    /// Bring dropped values back.
    Restore,
}
