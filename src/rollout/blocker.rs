//! A session that others wait for, and the order to end it: an act on
//! somebody else's work, so it is confirmed, gives a reason, and what became
//! of it is on the record.

use super::command::{Order, Scope};
use super::refusal::Refusal;
use super::state::{Phase, Rollout};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One transaction of a session, as somebody has seen it: the same process
/// with another transaction is another blocker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blocker {
    /// Process id on the server.
    pub pid: i32,
    /// When its transaction began, in microseconds since 1970, by the server's
    /// clock.
    pub began_us: i64,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockerEnd {
    /// The session is gone, its transaction rolled back.
    Ended {
        /// User and application.
        who: String,
    },
    /// That transaction was over before.
    Gone,
    /// It was left alone; why.
    Spared(String),
    /// It could not be ended; why.
    Failed(String),
}

/// Whether the order may be given.
pub(super) fn end(rollout: &Rollout, asked: &Order) -> Result<(), Refusal> {
    let Scope::Shard(name) = &asked.scope else {
        return Err(Refusal::WrongScope {
            verb: asked.verb.word().into(),
            works_at: "one shard".into(),
        });
    };
    if asked.reason.trim().is_empty() {
        let text = "ending somebody's session needs a reason";
        return Err(Refusal::Forbidden(text.into()));
    }
    match rollout.shards.get(name) {
        Some(shard) if shard.phase == Phase::Abandoned => {
            Err(Refusal::Forbidden(format!("{name} was given up")))
        }
        Some(shard) => match shard.ending {
            None => Ok(()),
            Some(other) => Err(Refusal::Nothing(format!(
                "session {} on {name} is being ended; wait for that",
                other.pid
            ))),
        },
        None => Err(Refusal::UnknownScope(asked.scope.to_string())),
    }
}
