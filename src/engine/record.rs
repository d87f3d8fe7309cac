//! Facts to journal entries and back.

use crate::journal::{Draft, Entry};
use crate::rollout::{Event, Fact, Scope, State, apply};
use serde::{Deserialize, Serialize};

/// The part of a fact that has no field of its own in an entry.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    scope: Scope,
    key: Option<String>,
    reason: String,
    event: Event,
}

/// An entry that this program cannot read as a fact.
#[derive(Debug, thiserror::Error)]
#[error(
    "journal entry {seq} ({kind}) is not one this version knows: {why}; use the version that wrote it"
)]
pub struct UnknownEntry {
    seq: u64,
    kind: String,
    why: String,
}

/// The draft of a fact.
pub fn draft(fact: &Fact) -> Draft {
    let body = Body {
        scope: fact.scope.clone(),
        key: fact.key.clone(),
        reason: fact.reason.clone(),
        event: fact.event.clone(),
    };
    Draft {
        at: fact.at,
        actor: fact.actor.clone(),
        kind: fact.event.kind().to_owned(),
        scope: fact.scope.to_string(),
        cause: fact.cause,
        // Plain data with string keys: it always has a JSON form.
        body: serde_json::to_value(body).unwrap_or_default(),
    }
}

/// The fact of an entry.
///
/// # Errors
/// The entry was written by a version that knows more.
pub fn fact(entry: &Entry) -> Result<Fact, UnknownEntry> {
    let body: Body = serde_json::from_value(entry.body.clone()).map_err(|e| UnknownEntry {
        seq: entry.seq,
        kind: entry.kind.clone(),
        why: e.to_string(),
    })?;
    Ok(Fact {
        at: entry.at,
        actor: entry.actor.clone(),
        scope: body.scope,
        cause: entry.cause,
        key: body.key,
        reason: body.reason,
        event: body.event,
    })
}

/// Folds a journal: what a restart knows.
///
/// # Errors
/// As [`fact`].
pub fn replay(entries: &[Entry]) -> Result<(State, Vec<(u64, Fact)>), UnknownEntry> {
    let mut state = State::default();
    let mut facts = Vec::with_capacity(entries.len());
    for entry in entries {
        let fact = fact(entry)?;
        apply(&mut state, &fact);
        facts.push((entry.seq, fact));
    }
    Ok((state, facts))
}
