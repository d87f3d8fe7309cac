//! What the dialect needs to know of the tables, as plain data.
//!
//! Read once before anything is touched, and kept on the shard in the
//! registry: the way back must know what was there.

use crate::base::Ident;
use crate::migration::TableName;
use serde::{Deserialize, Serialize};

/// The tables of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// One per table of the migration.
    pub tables: Vec<Table>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Where.
    pub name: TableName,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// Columns of the primary key, or of the first unique index whose columns
    /// are all NOT NULL; empty when there is none.
    pub key: Vec<Ident>,
    /// Row triggers that are not ours: name, and whether BEFORE.
    pub triggers: Vec<(String, TriggerTime)>,
    /// Planner's estimate of its rows.
    pub rows_estimate: u64,
}

/// When a trigger fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerTime {
    /// Before the row is written.
    Before,
    /// After it.
    After,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Name.
    pub name: Ident,
    /// Type as `format_type` spells it, schema-qualified.
    pub sql_type: String,
    /// NOT NULL.
    pub not_null: bool,
    /// DEFAULT expression.
    pub default: Option<String>,
    /// GENERATED … STORED.
    pub generated: bool,
}

impl Catalog {
    /// One table.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }
}

impl Table {
    /// One column.
    pub fn column(&self, name: &Ident) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == *name)
    }
}
