//! Indexes as migrations describe them.

use super::model::TableName;
use crate::base::Ident;
use serde::{Deserialize, Serialize};

/// Builds an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateIndex {
    /// Where.
    pub table: TableName,
    /// Its name, in the schema of the table.
    pub name: Ident,
    /// What is indexed, in order.
    pub keys: Vec<IndexKey>,
    /// Columns that are kept beside the key.
    pub include: Vec<Ident>,
    /// No key twice.
    pub unique: bool,
    /// Whether two NULLs are the same key.
    pub nulls_not_distinct: bool,
    /// `btree` where absent.
    pub method: Option<Ident>,
    /// Storage parameters, as written: `fillfactor = 70`.
    pub with: Option<String>,
    /// Only rows of which this is true.
    pub predicate: Option<String>,
}

/// One key of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexKey {
    /// A column or an expression.
    pub of: KeyOf,
    /// Collation.
    pub collate: Option<Ident>,
    /// Operator class.
    pub opclass: Option<Opclass>,
    /// Falling instead of rising.
    pub descending: bool,
    /// Where NULLs stand; as the direction has it where absent.
    pub nulls: Option<Nulls>,
}

/// An operator class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opclass {
    /// Its name.
    pub name: Ident,
    /// Its parameters, as written: `siglen = 32`.
    pub parameters: Vec<String>,
}

/// What an index key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyOf {
    /// A column.
    Column(Ident),
    /// An expression over the row.
    Expression(String),
}

/// Where NULLs stand in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nulls {
    /// Before everything else.
    First,
    /// After it.
    Last,
}
