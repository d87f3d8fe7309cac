//! The operations of a migration file as they are written.

use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::migration) enum RawOperation {
    AddColumn(RawAddColumn),
    AlterColumn(RawAlterColumn),
    Backfill(RawBackfill),
    CreateConstraint(RawCreateConstraint),
    CreateIndex(RawCreateIndex),
    CreateTable(RawCreateTable),
    DropColumn(RawDropColumn),
    DropConstraint(RawNamed),
    DropIndex(RawDropIndex),
    DropTable(RawDropTable),
    RenameColumn(RawRename),
    RenameConstraint(RawRename),
    RenameTable(RawRenameTable),
    SetReplicaIdentity(RawSetReplicaIdentity),
    Sql(RawSql),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawAddColumn {
    pub(in crate::migration) table: String,
    pub(in crate::migration) column: RawColumn,
    pub(in crate::migration) up: Option<String>,
    #[serde(default)]
    pub(in crate::migration) down: BTreeMap<String, String>,
    pub(in crate::migration) fill: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawColumn {
    pub(in crate::migration) name: String,
    #[serde(rename = "type")]
    pub(in crate::migration) sql_type: String,
    #[serde(default = "nullable")]
    pub(in crate::migration) nullable: bool,
    pub(in crate::migration) default: Option<String>,
    pub(in crate::migration) comment: Option<String>,
}

/// A column is nullable unless it says otherwise, as in SQL.
fn nullable() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawAlterColumn {
    pub(in crate::migration) table: String,
    pub(in crate::migration) column: String,
    #[serde(rename = "type")]
    pub(in crate::migration) sql_type: Option<String>,
    pub(in crate::migration) nullable: Option<bool>,
    pub(in crate::migration) default: Option<String>,
    #[serde(default)]
    pub(in crate::migration) drop_default: bool,
    pub(in crate::migration) comment: Option<String>,
    #[serde(default)]
    pub(in crate::migration) drop_comment: bool,
    pub(in crate::migration) up: Option<String>,
    pub(in crate::migration) down: Option<String>,
    #[serde(default)]
    pub(in crate::migration) constraints: Vec<RawConstraint>,
    #[serde(default)]
    pub(in crate::migration) drop_constraints: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawBackfill {
    pub(in crate::migration) table: String,
    pub(in crate::migration) set: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawCreateConstraint {
    pub(in crate::migration) table: String,
    pub(in crate::migration) constraint: Box<RawConstraint>,
}

/// Exactly one of the rules.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawConstraint {
    pub(in crate::migration) name: Option<String>,
    pub(in crate::migration) primary_key: Option<RawKey>,
    pub(in crate::migration) unique: Option<RawKey>,
    pub(in crate::migration) check: Option<RawCheck>,
    pub(in crate::migration) foreign_key: Option<RawForeignKey>,
    pub(in crate::migration) exclude: Option<RawExclude>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawKey {
    #[serde(default)]
    pub(in crate::migration) columns: Vec<String>,
    #[serde(default)]
    pub(in crate::migration) include: Vec<String>,
    #[serde(default)]
    pub(in crate::migration) nulls_not_distinct: bool,
    pub(in crate::migration) with: Option<String>,
    pub(in crate::migration) deferrable: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawCheck {
    pub(in crate::migration) expression: String,
    #[serde(default)]
    pub(in crate::migration) no_inherit: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawForeignKey {
    #[serde(default)]
    pub(in crate::migration) columns: Vec<String>,
    pub(in crate::migration) table: String,
    pub(in crate::migration) referenced: Vec<String>,
    pub(in crate::migration) on_delete: Option<String>,
    #[serde(default)]
    pub(in crate::migration) on_delete_set: Vec<String>,
    pub(in crate::migration) on_update: Option<String>,
    #[serde(default)]
    pub(in crate::migration) match_full: bool,
    pub(in crate::migration) deferrable: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawExclude {
    pub(in crate::migration) method: String,
    pub(in crate::migration) elements: String,
    #[serde(rename = "where")]
    pub(in crate::migration) predicate: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawCreateIndex {
    pub(in crate::migration) table: String,
    pub(in crate::migration) name: String,
    pub(in crate::migration) keys: Vec<RawIndexKey>,
    #[serde(default)]
    pub(in crate::migration) include: Vec<String>,
    #[serde(default)]
    pub(in crate::migration) unique: bool,
    #[serde(default)]
    pub(in crate::migration) nulls_not_distinct: bool,
    pub(in crate::migration) method: Option<String>,
    pub(in crate::migration) with: Option<String>,
    #[serde(rename = "where")]
    pub(in crate::migration) predicate: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawIndexKey {
    pub(in crate::migration) column: Option<String>,
    pub(in crate::migration) expression: Option<String>,
    pub(in crate::migration) collate: Option<String>,
    pub(in crate::migration) opclass: Option<String>,
    #[serde(default)]
    pub(in crate::migration) opclass_parameters: Vec<String>,
    pub(in crate::migration) sort: Option<String>,
    pub(in crate::migration) nulls: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawCreateTable {
    pub(in crate::migration) table: String,
    pub(in crate::migration) columns: Vec<RawTableColumn>,
    #[serde(default)]
    pub(in crate::migration) primary_key: Vec<String>,
    #[serde(default)]
    pub(in crate::migration) constraints: Vec<RawConstraint>,
    pub(in crate::migration) comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawTableColumn {
    pub(in crate::migration) name: String,
    #[serde(rename = "type")]
    pub(in crate::migration) sql_type: String,
    #[serde(default = "nullable")]
    pub(in crate::migration) nullable: bool,
    pub(in crate::migration) default: Option<String>,
    pub(in crate::migration) generated: Option<String>,
    pub(in crate::migration) identity: Option<String>,
    pub(in crate::migration) identity_options: Option<String>,
    pub(in crate::migration) comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawDropColumn {
    pub(in crate::migration) table: String,
    pub(in crate::migration) column: String,
    pub(in crate::migration) down: Option<String>,
}

/// A constraint of a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawNamed {
    pub(in crate::migration) table: String,
    pub(in crate::migration) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawDropIndex {
    pub(in crate::migration) index: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawDropTable {
    pub(in crate::migration) table: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawRename {
    pub(in crate::migration) table: String,
    pub(in crate::migration) from: String,
    pub(in crate::migration) to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawRenameTable {
    pub(in crate::migration) table: String,
    pub(in crate::migration) to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawSetReplicaIdentity {
    pub(in crate::migration) table: String,
    pub(in crate::migration) identity: String,
    pub(in crate::migration) index: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::migration) struct RawSql {
    pub(in crate::migration) up: String,
    pub(in crate::migration) down: Option<String>,
    pub(in crate::migration) probe: Option<String>,
    pub(in crate::migration) at: Option<String>,
    #[serde(default)]
    pub(in crate::migration) irreversible: bool,
    pub(in crate::migration) schema: Option<String>,
}
