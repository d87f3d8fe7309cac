//! Who else is there.

use crate::base::Timestamp;
use crate::rollout::Right;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom a server takes a client for, and who else is attached to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// The client itself, as its acts stand in the journal.
    pub you: String,
    /// What it may in one place at least.
    pub may: Vec<Right>,
    /// Everybody else, in the order in which they came.
    pub others: Vec<Attached>,
}

/// Somebody who is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// As their acts stand in the journal.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// Where they look, in their screen's own words; empty if they have not said.
    pub place: String,
}
