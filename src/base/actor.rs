//! Who acted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an actor's name comes from; the record never claims more than this.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ActorSource {
    /// The engine itself: reconcile loop, gates, guards, workers.
    Engine,
    /// A person at a terminal on this host, named by the operating system.
    Os,
    /// A person who showed a token of theirs.
    Token,
}

/// A person or the engine, as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Short name, for example `ana` or `engine`.
    pub name: String,
    /// What vouches for the name.
    pub source: ActorSource,
    /// Whether the source could be checked (the engine, or the kernel's own
    /// word for the user of this process).
    pub verified: bool,
}

impl Actor {
    /// The engine acting by its own rules.
    pub fn engine() -> Self {
        Self {
            name: "engine".into(),
            source: ActorSource::Engine,
            verified: true,
        }
    }

    /// A person on this host.
    pub fn person(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            source: ActorSource::Os,
            verified: true,
        }
    }

    /// Somebody who showed a token of theirs.
    pub fn bearer(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            source: ActorSource::Token,
            verified: true,
        }
    }

    /// Whether the engine acted by itself.
    pub fn is_engine(&self) -> bool {
        self.source == ActorSource::Engine
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
