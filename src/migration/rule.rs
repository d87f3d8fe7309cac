//! What a constraint demands.

use super::model::TableName;
use crate::base::Ident;
use serde::{Deserialize, Serialize};

/// What a constraint demands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// No key twice, and no key NULL.
    PrimaryKey(KeyRule),
    /// No key twice.
    Unique(KeyRule),
    /// True, or unknown, of every row.
    Check {
        /// The expression.
        expression: String,
        /// Not for tables that inherit from this one.
        no_inherit: bool,
    },
    /// Every key is one of another table.
    ForeignKey(ForeignKey),
    /// No two rows to which all of the operators apply.
    Exclude {
        /// Index method.
        method: Ident,
        /// `expression WITH operator, …`, as written.
        elements: String,
        /// Only rows of which this is true.
        predicate: Option<String>,
    },
}

impl Rule {
    /// For people.
    pub fn word(&self) -> &'static str {
        match self {
            Self::PrimaryKey(_) => "primary key",
            Self::Unique(_) => "unique constraint",
            Self::Check { .. } => "check",
            Self::ForeignKey(_) => "foreign key",
            Self::Exclude { .. } => "exclusion constraint",
        }
    }

    /// The table that a foreign key points to.
    pub fn referenced(&self) -> Option<&TableName> {
        match self {
            Self::ForeignKey(key) => Some(&key.table),
            _ => None,
        }
    }

    /// The columns that it names; an expression's are not known here.
    pub fn columns(&self) -> &[Ident] {
        match self {
            Self::PrimaryKey(key) | Self::Unique(key) => &key.columns,
            Self::ForeignKey(key) => &key.columns,
            Self::Check { .. } | Self::Exclude { .. } => &[],
        }
    }
}

/// A key that an index keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRule {
    /// Its columns in order.
    pub columns: Vec<Ident>,
    /// Columns that the index keeps beside them.
    pub include: Vec<Ident>,
    /// Whether two NULLs are the same key.
    pub nulls_not_distinct: bool,
    /// Storage parameters of the index, as written.
    pub with: Option<String>,
    /// When it is checked.
    pub deferral: Deferral,
}

impl KeyRule {
    /// A plain key over these columns.
    pub fn of(columns: Vec<Ident>) -> Self {
        Self {
            columns,
            include: Vec::new(),
            nulls_not_distinct: false,
            with: None,
            deferral: Deferral::Never,
        }
    }
}

/// When a constraint is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deferral {
    /// At every statement.
    #[default]
    Never,
    /// At every statement, unless the transaction defers it.
    InitiallyImmediate,
    /// At the end of the transaction.
    InitiallyDeferred,
}

/// Every key is one of another table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The columns.
    pub columns: Vec<Ident>,
    /// The other table.
    pub table: TableName,
    /// Its columns, in the same order.
    pub referenced: Vec<Ident>,
    /// When the other row goes.
    pub on_delete: ForeignKeyAction,
    /// The columns that `SET NULL` or `SET DEFAULT` is for; all if empty.
    pub on_delete_set: Vec<Ident>,
    /// When the other row gets another key.
    pub on_update: ForeignKeyAction,
    /// Whether all columns or none are NULL.
    pub match_full: bool,
    /// When it is checked.
    pub deferral: Deferral,
}

/// What becomes of a row whose referenced row changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignKeyAction {
    /// The change is refused at the end.
    #[default]
    NoAction,
    /// The change is refused at once.
    Restrict,
    /// It changes too.
    Cascade,
    /// Its key becomes NULL.
    SetNull,
    /// Its key becomes the default.
    SetDefault,
}
