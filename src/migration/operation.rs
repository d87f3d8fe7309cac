//! The operations of a migration: pgroll's vocabulary, as checked data.

use super::index::CreateIndex;
use super::model::TableName;
use super::rule::Rule;
use crate::base::Ident;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Adds a column, filled from others and mapped back.
    AddColumn(AddColumn),
    /// Changes a column where it stands.
    AlterColumn(AlterColumn),
    /// Fills columns that this migration adds.
    Backfill(Backfill),
    /// Adds a constraint to a table.
    CreateConstraint(CreateConstraint),
    /// Builds an index beside running writes.
    CreateIndex(CreateIndex),
    /// Creates a table.
    CreateTable(CreateTable),
    /// Takes a column away.
    DropColumn(DropColumn),
    /// Takes a constraint away.
    DropConstraint(DropConstraint),
    /// Takes an index away.
    DropIndex(DropIndex),
    /// Takes a table away.
    DropTable(DropTable),
    /// Gives a column another name in the new version.
    RenameColumn(RenameColumn),
    /// Gives a constraint another name.
    RenameConstraint(RenameConstraint),
    /// Gives a table another name in the new version.
    RenameTable(RenameTable),
    /// Says what logical replication knows a row by.
    SetReplicaIdentity(SetReplicaIdentity),
    /// Statements written by hand.
    Sql(Sql),
}

impl Operation {
    /// The operation as migration files write it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::AddColumn(_) => "add_column",
            Self::AlterColumn(_) => "alter_column",
            Self::Backfill(_) => "backfill",
            Self::CreateConstraint(_) => "create_constraint",
            Self::CreateIndex(_) => "create_index",
            Self::CreateTable(_) => "create_table",
            Self::DropColumn(_) => "drop_column",
            Self::DropConstraint(_) => "drop_constraint",
            Self::DropIndex(_) => "drop_index",
            Self::DropTable(_) => "drop_table",
            Self::RenameColumn(_) => "rename_column",
            Self::RenameConstraint(_) => "rename_constraint",
            Self::RenameTable(_) => "rename_table",
            Self::SetReplicaIdentity(_) => "set_replica_identity",
            Self::Sql(_) => "sql",
        }
    }

    /// The table that it works on; `None` where only its SQL knows, or its
    /// index.
    pub fn table(&self) -> Option<&TableName> {
        match self {
            Self::AddColumn(op) => Some(&op.table),
            Self::AlterColumn(op) => Some(&op.table),
            Self::Backfill(op) => Some(&op.table),
            Self::CreateConstraint(op) => Some(&op.table),
            Self::CreateIndex(op) => Some(&op.table),
            Self::CreateTable(op) => Some(&op.table),
            Self::DropColumn(op) => Some(&op.table),
            Self::DropConstraint(op) => Some(&op.table),
            Self::DropTable(op) => Some(&op.table),
            Self::RenameColumn(op) => Some(&op.table),
            Self::RenameConstraint(op) => Some(&op.table),
            Self::RenameTable(op) => Some(&op.table),
            Self::SetReplicaIdentity(op) => Some(&op.table),
            Self::DropIndex(_) | Self::Sql(_) => None,
        }
    }

    /// The type that it gives to a column of a table that is there.
    pub fn column_type(&self) -> Option<&str> {
        match self {
            Self::AddColumn(op) => Some(&op.sql_type),
            Self::AlterColumn(op) => op.sql_type.as_deref(),
            _ => None,
        }
    }

    /// Tables that its foreign keys point to.
    pub fn referenced(&self) -> Vec<&TableName> {
        match self {
            Self::CreateTable(op) => op.referenced().collect(),
            Self::CreateConstraint(op) => op.rule.referenced().into_iter().collect(),
            Self::AlterColumn(op) => {
                let rules = op.constraints.iter().map(|c| &c.rule);
                rules.filter_map(Rule::referenced).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Names of relations that it brings into being.
    pub fn relations(&self) -> Vec<TableName> {
        let beside = |table: &TableName, name: &Ident| TableName {
            schema: table.schema.clone(),
            table: name.clone(),
        };
        let keyed = |rule: &Rule| matches!(rule, Rule::PrimaryKey(_) | Rule::Unique(_));
        match self {
            Self::CreateTable(op) => vec![op.table.clone()],
            Self::CreateIndex(op) => vec![beside(&op.table, &op.name)],
            Self::CreateConstraint(op) if keyed(&op.rule) => vec![beside(&op.table, &op.name)],
            Self::AlterColumn(op) => {
                let keys = op.constraints.iter().filter(|c| keyed(&c.rule));
                let names = keys.filter_map(|c| c.name.as_ref());
                names.map(|name| beside(&op.table, name)).collect()
            }
            Self::RenameConstraint(op) => vec![beside(&op.table, &op.to)],
            Self::RenameTable(op) => vec![beside(&op.table, &op.to)],
            _ => Vec::new(),
        }
    }
}

/// Adds a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddColumn {
    /// Where.
    pub table: TableName,
    /// Name of the new column.
    pub column: Ident,
    /// SQL type, as written.
    pub sql_type: String,
    /// Whether NULL stays allowed after contract.
    pub nullable: bool,
    /// DEFAULT expression that the column has after contract.
    pub default: Option<String>,
    /// Value of the new column from the old row. Without it the column is
    /// left to the application (and `nullable` or `default` is needed).
    pub up: Option<String>,
    /// Old column → its value from the new row. These columns are replaced:
    /// `retire` hides them, `drop` removes them.
    pub down: BTreeMap<Ident, String>,
    /// When `up` is evaluated.
    pub fill: Fill,
    /// A comment for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// When `up` is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// At every write and in the backfill: `up` must be deterministic.
    Always,
    /// Once per row; `up` may be volatile and is verified by NOT NULL and
    /// invariants only.
    Once,
}

/// Changes a column; `None` leaves a property as it is. With `up` or `down`
/// the new form stands beside the old one until contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlterColumn {
    /// Where.
    pub table: TableName,
    /// Which.
    pub column: Ident,
    /// Another type, as written.
    pub sql_type: Option<String>,
    /// Whether NULL is allowed.
    pub nullable: Option<bool>,
    /// Another DEFAULT expression, or none.
    pub default: Option<Change>,
    /// Another comment, or none.
    pub comment: Option<Change>,
    /// Constraints that are added over this column.
    pub constraints: Vec<TableConstraint>,
    /// Constraints over this column that the new form does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop_constraints: Vec<Ident>,
    /// The new value from the old row; the old value itself where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<String>,
    /// The old value from the new row; the new value itself where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<String>,
}

impl AlterColumn {
    /// Whether the new form stands beside the old one until contract.
    pub fn has_second_form(&self) -> bool {
        self.up.is_some() || self.down.is_some()
    }

    /// Whether it says nothing.
    pub fn changes_nothing(&self) -> bool {
        self.sql_type.is_none()
            && self.nullable.is_none()
            && self.default.is_none()
            && self.comment.is_none()
            && self.constraints.is_empty()
            && self.drop_constraints.is_empty()
            && !self.has_second_form()
    }
}

/// A property gets a value, or loses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// This value.
    Set(String),
    /// None.
    Drop,
}

impl Change {
    /// The value that it gets, if it gets one.
    pub fn value(&self) -> Option<&String> {
        match self {
            Self::Set(value) => Some(value),
            Self::Drop => None,
        }
    }
}

/// Fills columns that this migration adds and that have no `up` of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// Where.
    pub table: TableName,
    /// Column → expression over the row.
    pub set: BTreeMap<Ident, String>,
}

/// Adds a constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateConstraint {
    /// Where.
    pub table: TableName,
    /// Its name.
    pub name: Ident,
    /// What it demands.
    pub rule: Rule,
}

/// A constraint of a new table, or one that comes with a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableConstraint {
    /// Its name; the server makes one up where a new table's has none.
    pub name: Option<Ident>,
    /// What it demands.
    pub rule: Rule,
}

/// Creates a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTable {
    /// Its schema and name.
    pub table: TableName,
    /// Its columns in order.
    pub columns: Vec<TableColumn>,
    /// Its constraints, the primary key first.
    pub constraints: Vec<TableConstraint>,
    /// A comment for people.
    pub comment: Option<String>,
}

impl CreateTable {
    /// Tables that its foreign keys point to.
    pub fn referenced(&self) -> impl Iterator<Item = &TableName> {
        self.constraints.iter().filter_map(|c| c.rule.referenced())
    }
}

/// A column of a new table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableColumn {
    /// Name.
    pub name: Ident,
    /// SQL type, as written; `serial` and its kin too.
    pub sql_type: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// DEFAULT expression.
    pub default: Option<String>,
    /// What the server fills in by itself.
    pub generated: Option<Generated>,
    /// A comment for people.
    pub comment: Option<String>,
}

/// What the server fills in by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Generated {
    /// `GENERATED ALWAYS AS (…) STORED`.
    Stored(String),
    /// `GENERATED … AS IDENTITY`.
    Identity {
        /// Who may give a value.
        mode: IdentityMode,
        /// Options of the sequence, as written.
        options: Option<String>,
    },
}

/// Who may give an identity column its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityMode {
    /// The server alone.
    Always,
    /// The statement, else the server.
    ByDefault,
}

/// Takes a column away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropColumn {
    /// Where.
    pub table: TableName,
    /// Which.
    pub column: Ident,
    /// What a row has that was written without it, from the new row.
    pub down: Option<String>,
}

/// Takes a constraint away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropConstraint {
    /// Where.
    pub table: TableName,
    /// Its name.
    pub name: Ident,
}

/// Takes an index away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropIndex {
    /// Its schema and name.
    pub index: TableName,
}

/// Takes a table away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropTable {
    /// Which.
    pub table: TableName,
}

/// Gives a column another name in the new version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenameColumn {
    /// Where.
    pub table: TableName,
    /// Its name now.
    pub from: Ident,
    /// Its name then.
    pub to: Ident,
}

/// Gives a table another name in the new version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenameTable {
    /// Its name now.
    pub table: TableName,
    /// Its name then, in the same schema.
    pub to: Ident,
}

/// Gives a constraint another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenameConstraint {
    /// Where.
    pub table: TableName,
    /// Its name now.
    pub from: Ident,
    /// Its name then.
    pub to: Ident,
}

/// Says what logical replication knows a row by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetReplicaIdentity {
    /// Where.
    pub table: TableName,
    /// By what.
    pub identity: ReplicaIdentity,
}

/// What logical replication knows a row by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaIdentity {
    /// The primary key.
    Default,
    /// The whole row.
    Full,
    /// Nothing: updates and deletes cannot be replicated.
    Nothing,
    /// A unique index over columns that are NOT NULL.
    Index(Ident),
}

/// Statements written by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sql {
    /// One transaction with its done-mark unless a probe is given.
    pub up: String,
    /// Undoes it; what runs in expand has none only if the file says that
    /// nothing does.
    pub down: Option<String>,
    /// Returns one boolean: is it already so? Needed for statements that
    /// cannot run in a transaction.
    pub probe: Option<String>,
    /// When it runs.
    #[serde(default, skip_serializing_if = "SqlStage::is_expand")]
    pub at: SqlStage,
    /// The schema of names that say none; without it every name needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Ident>,
}

/// When statements written by hand run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SqlStage {
    /// In expand.
    #[default]
    Expand,
    /// In contract, when the old form goes.
    Contract,
}

impl SqlStage {
    /// Whether it is the ordinary stage, which plans leave out.
    pub fn is_expand(&self) -> bool {
        *self == Self::Expand
    }
}
