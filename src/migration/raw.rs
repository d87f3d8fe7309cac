//! The migration file as it is written, before it is checked.

use super::raw_operation::RawOperation;
use serde::Deserialize;

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
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) operation: Vec<RawOperation>,
    #[serde(default)]
    pub(super) chunks: RawChunks,
    #[serde(default)]
    pub(super) invariant: Vec<RawInvariant>,
    #[serde(default)]
    pub(super) client: Vec<RawClient>,
    #[serde(default)]
    pub(super) waive: Vec<RawWaiver>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClient {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sql: String,
    #[serde(default)]
    pub(super) columns: Vec<String>,
    pub(super) schema: Option<String>,
    pub(super) role: Option<String>,
    pub(super) plan_within: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWaiver {
    pub(super) rule: String,
    pub(super) operation: Option<i64>,
    pub(super) reason: String,
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
