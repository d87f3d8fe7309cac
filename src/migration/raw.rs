//! The migration file as it is written, before it is checked.

use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMigration {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) owner: Option<String>,
    pub(super) escalation: Option<String>,
    pub(super) runbook: Option<String>,
    pub(super) user_triggers: Option<String>,
    pub(super) versions: Option<String>,
    #[serde(default)]
    pub(super) operation: Vec<RawOperation>,
    #[serde(default)]
    pub(super) chunks: RawChunks,
    #[serde(default)]
    pub(super) invariant: Vec<RawInvariant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawOperation {
    AddColumn(RawAddColumn),
    Sql(RawSql),
    Backfill(RawBackfill),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAddColumn {
    pub(super) table: String,
    pub(super) column: RawColumn,
    pub(super) up: Option<String>,
    #[serde(default)]
    pub(super) down: BTreeMap<String, String>,
    pub(super) fill: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawColumn {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) sql_type: String,
    #[serde(default = "nullable")]
    pub(super) nullable: bool,
    pub(super) default: Option<String>,
}

/// A column is nullable unless it says otherwise, as in SQL.
fn nullable() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSql {
    pub(super) up: String,
    pub(super) down: String,
    pub(super) probe: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBackfill {
    pub(super) table: String,
    pub(super) set: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChunks {
    pub(super) target: Option<String>,
    pub(super) rows_start: Option<i64>,
    pub(super) rows_min: Option<i64>,
    pub(super) rows_max: Option<i64>,
    pub(super) ranges: Option<i64>,
    pub(super) rows_per_s_max: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInvariant {
    pub(super) name: String,
    pub(super) sql: String,
}
