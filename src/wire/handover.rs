//! What the next shift has to know, as a screen or a script is given it.

use super::Sign;
use crate::base::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One shift, in ten lines at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// When the shift began.
    pub since: Timestamp,
    /// When this was put together.
    pub at: Timestamp,
    /// The lines, always in the same order.
    pub lines: Vec<HandoverLine>,
}

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandoverLine {
    /// What it is about.
    pub topic: Topic,
    /// Its mark, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
    /// What there is to say. Not escaped yet.
    pub text: String,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Which rollout, which shift.
    Shift,
    /// Where it stands.
    Stands,
    /// Where each ring stands.
    Rings,
    /// What waits for a person.
    NeedsYou,
    /// What comes next by itself.
    Next,
    /// What is held or paused, by whom and why.
    Held,
    /// What the shards finished.
    Done,
    /// What went wrong.
    Trouble,
    /// Who did what.
    Acts,
    /// Where the record ends, and what is wrong with it.
    Record,
}

impl Topic {
    /// The word in front of the line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shift => "Shift",
            Self::Stands => "Stands",
            Self::Rings => "Rings",
            Self::NeedsYou => "Needs you",
            Self::Next => "Next",
            Self::Held => "Held",
            Self::Done => "Done",
            Self::Trouble => "Trouble",
            Self::Acts => "Acts",
            Self::Record => "Record",
        }
    }
}
