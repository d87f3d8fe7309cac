//! A pgroll migration as its JSON schema has it (pgroll 0.16).

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: Option<String>,
    pub(super) version_schema: Option<String>,
    pub(super) operations: Vec<Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    AddColumn(AddColumn),
    AlterColumn(AlterColumn),
    CreateConstraint(CreateConstraint),
    CreateIndex(CreateIndex),
    CreateTable(CreateTable),
    DropColumn(DropColumn),
    DropConstraint(DropConstraint),
    DropIndex(Named),
    DropMulticolumnConstraint(DropMulticolumnConstraint),
    DropTable(Named),
    RenameColumn(Rename),
    RenameConstraint(Rename),
    RenameTable(RenameTable),
    SetReplicaIdentity(SetReplicaIdentity),
    Sql(Sql),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) sql_type: String,
    #[serde(default)]
    pub(super) nullable: bool,
    #[serde(default)]
    pub(super) pk: bool,
    #[serde(default)]
    pub(super) unique: bool,
    pub(super) default: Option<String>,
    pub(super) check: Option<Check>,
    pub(super) references: Option<References>,
    pub(super) comment: Option<String>,
    pub(super) generated: Option<Generated>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Generated {
    pub(super) expression: Option<String>,
    pub(super) identity: Option<Identity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) user_specified_values: Option<String>,
    pub(super) sequence_options: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) constraint: String,
    #[serde(default)]
    pub(super) no_inherit: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct References {
    pub(super) name: String,
    pub(super) table: String,
    pub(super) column: String,
    pub(super) match_type: Option<String>,
    pub(super) on_delete: Option<String>,
    pub(super) on_update: Option<String>,
    #[serde(default)]
    pub(super) deferrable: bool,
    #[serde(default)]
    pub(super) initially_deferred: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableReferences {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
    pub(super) match_type: Option<String>,
    pub(super) on_delete: Option<String>,
    pub(super) on_update: Option<String>,
    #[serde(default)]
    pub(super) on_delete_set_columns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Constraint {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) columns: Vec<String>,
    #[serde(default)]
    pub(super) deferrable: bool,
    #[serde(default)]
    pub(super) initially_deferred: bool,
    #[serde(default)]
    pub(super) nulls_not_distinct: bool,
    #[serde(default)]
    pub(super) no_inherit: bool,
    pub(super) check: Option<String>,
    pub(super) references: Option<TableReferences>,
    pub(super) exclude: Option<Exclude>,
    pub(super) index_parameters: Option<IndexParameters>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exclude {
    pub(super) index_method: Option<String>,
    pub(super) elements: String,
    pub(super) predicate: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexParameters {
    pub(super) tablespace: Option<String>,
    pub(super) storage_parameters: Option<String>,
    #[serde(default)]
    pub(super) include_columns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddColumn {
    pub(super) table: String,
    pub(super) column: Column,
    pub(super) up: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlterColumn {
    pub(super) table: String,
    pub(super) column: String,
    #[serde(rename = "type")]
    pub(super) sql_type: Option<String>,
    pub(super) nullable: Option<bool>,
    /// `Some(None)` is an explicit null: no default.
    #[serde(default, deserialize_with = "given")]
    pub(super) default: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) comment: Option<Option<String>>,
    pub(super) check: Option<Check>,
    pub(super) references: Option<References>,
    pub(super) unique: Option<Named>,
    pub(super) up: Option<String>,
    pub(super) down: Option<String>,
}

/// Tells a key that is null from one that is not there.
fn given<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(input).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateConstraint {
    pub(super) table: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) columns: Vec<String>,
    pub(super) check: Option<String>,
    #[serde(default)]
    pub(super) no_inherit: bool,
    pub(super) references: Option<TableReferences>,
    pub(super) index_parameters: Option<IndexParameters>,
    #[serde(default)]
    pub(super) up: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) down: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateIndex {
    pub(super) name: String,
    pub(super) table: String,
    pub(super) columns: Vec<IndexField>,
    pub(super) predicate: Option<String>,
    pub(super) method: Option<String>,
    pub(super) storage_parameters: Option<String>,
    #[serde(default)]
    pub(super) unique: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexField {
    pub(super) column: String,
    pub(super) collate: Option<String>,
    pub(super) sort: Option<String>,
    pub(super) nulls: Option<String>,
    pub(super) opclass: Option<Opclass>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opclass {
    pub(super) name: String,
    #[serde(default)]
    pub(super) params: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateTable {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    pub(super) comment: Option<String>,
    #[serde(default)]
    pub(super) constraints: Vec<Constraint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DropColumn {
    pub(super) table: String,
    pub(super) column: String,
    pub(super) down: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DropConstraint {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) up: Option<String>,
    pub(super) down: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DropMulticolumnConstraint {
    pub(super) table: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) up: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) down: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rename {
    pub(super) table: String,
    pub(super) from: String,
    pub(super) to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RenameTable {
    pub(super) from: String,
    pub(super) to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetReplicaIdentity {
    pub(super) table: String,
    pub(super) identity: ReplicaIdentity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplicaIdentity {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) index: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sql {
    pub(super) up: String,
    pub(super) down: Option<String>,
    #[serde(default, rename = "onComplete")]
    pub(super) on_complete: bool,
}
