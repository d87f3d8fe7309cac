//! Acts on their way in, answers on their way out.

use super::attached::Company;
use super::look::Sight;
use super::stream::Stream;
use crate::base::{Actor, Cause};
use crate::rollout::{Order, Refusal, Scope, Verb};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An act as a cockpit or a script sends it. Sending it twice with the same
/// key is one act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandEnvelope {
    /// Chosen by the sender; a repeat returns the first answer.
    pub key: String,
    /// Who.
    pub actor: Actor,
    /// Over what.
    pub scope: Scope,
    /// What.
    pub verb: Verb,
    /// The version of the scope that the sender saw.
    pub seen: Option<u64>,
    /// The rollout's id, typed, where the act demands it.
    pub confirm: Option<String>,
    /// Their reason.
    pub reason: String,
}

impl CommandEnvelope {
    /// What the heart is asked; behind an envelope there is always a person.
    pub fn into_order(self) -> Order {
        Order {
            key: self.key,
            actor: self.actor,
            cause: Cause::Operator,
            scope: self.scope,
            verb: self.verb,
            seen: self.seen,
            confirm: self.confirm,
            reason: self.reason,
        }
    }
}

/// What became of an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is in the journal.
    Accepted {
        /// Number of its first entry.
        seq: u64,
    },
    /// This key was accepted before.
    Repeated,
    /// It was not taken.
    Refused {
        /// Stable word for programs.
        code: String,
        /// Why, and what can be done instead.
        text: String,
    },
    /// A calming act that works already although the journal cannot be
    /// written: "paused, not yet recorded".
    NotRecorded,
}

impl Answer {
    /// The answer to an act the heart refused.
    pub fn refused(refusal: &Refusal) -> Self {
        Self::Refused {
            code: code(refusal).into(),
            text: refusal.to_string(),
        }
    }
}

fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoRollout => "no_rollout",
        Refusal::AlreadyOpen { .. } => "already_open",
        Refusal::UnknownScope(_) => "unknown_scope",
        Refusal::Stale { .. } => "stale",
        Refusal::WrongScope { .. } => "wrong_scope",
        Refusal::Running(_) => "running",
        Refusal::Failed(_) => "failed",
        Refusal::RollingBack(_) => "rolling_back",
        Refusal::Gates(_) => "gates",
        Refusal::Held(_) => "held",
        Refusal::Nothing(_) => "nothing",
        Refusal::Unconfirmed { .. } => "unconfirmed",
        Refusal::Forbidden(_) => "forbidden",
        Refusal::Denied(_) => "denied",
    }
}

/// Everything that a client can receive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerMessage {
    /// The state of things.
    Stream(Stream),
    /// The answer to one act.
    Answer {
        /// The act's key.
        key: String,
        /// What became of it.
        answer: Answer,
    },
    /// What was looked at.
    Sight(Sight),
    /// Who else is there.
    Company(Company),
}
