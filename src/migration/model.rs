//! A migration as the rest of the program sees it: checked, plain data.

use super::client::Client;
pub use super::index::*;
use super::lint::Waiver;
pub use super::operation::*;
pub use super::rule::*;
use crate::base::{Ident, MigrationName, Period};
use serde::{Deserialize, Serialize};

/// One change, from a migration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Unique in the fleet's history.
    pub name: MigrationName,
    /// One sentence for people.
    pub description: String,
    /// How clients choose between the old and the new form.
    #[serde(default, skip_serializing_if = "Versions::is_none")]
    pub versions: Versions,
    /// What user triggers that a backfill would fire may do.
    pub user_triggers: UserTriggers,
    /// What to do, in order.
    pub operations: Vec<Operation>,
    /// How rows are worked on.
    pub chunks: Chunks,
    /// Statements that must return true on every shard when verify ends.
    pub invariants: Vec<Invariant>,
    /// Statements of clients that must go on working.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<Client>,
    /// Rules of the lint that do not hold, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
}

/// A table by schema and name, as the catalog spells them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// Schema (`public` where the file names none; ignored by SQLite).
    pub schema: Ident,
    /// Table.
    pub table: Ident,
}

/// How clients choose between the old and the new form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Versions {
    /// By the columns that they name, behind a flag.
    #[default]
    None,
    /// By the schema that comes first in their `search_path`: for each schema
    /// a second one full of views, named after it and the version.
    Schemas {
        /// What the names of the version's schemas end with.
        version: Ident,
    },
}

impl Versions {
    /// Name of the version's schema that shows a schema; it may be too long.
    pub fn schema_of(&self, base: &Ident) -> Option<String> {
        match self {
            Self::None => None,
            Self::Schemas { version } => Some(format!("{}_{}", base.as_str(), version.as_str())),
        }
    }

    /// Whether there are no version schemas.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// What user triggers that a backfill would fire may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserTriggers {
    /// Preflight fails when there are any.
    Refuse,
    /// They fire.
    Fire,
}

/// How rows are worked on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunks {
    /// Wanted time of one chunk, 50 ms to 2 s.
    pub target: Period,
    /// Rows of the first chunk.
    pub rows_start: u32,
    /// Fewest rows of a chunk.
    pub rows_min: u32,
    /// Most rows of a chunk.
    pub rows_max: u32,
    /// Key ranges worked on at the same time on one shard.
    pub ranges: u32,
    /// Most rows per second and shard; none if absent.
    pub rows_per_s_max: Option<u64>,
}

impl Default for Chunks {
    fn default() -> Self {
        Self {
            target: Period::from_ms(200),
            rows_start: 1_000,
            rows_min: 10,
            rows_max: 100_000,
            ranges: 2,
            rows_per_s_max: None,
        }
    }
}

/// A statement that must return true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invariant {
    /// Name for people.
    pub name: String,
    /// One `SELECT` that returns one boolean.
    pub sql: String,
}
