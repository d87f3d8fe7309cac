//! The migration file: operations, chunk settings, invariants.
//!
//! Pure but for reading the file and the runbook that it names. Knows no database kind: what SQL an operation becomes is the
//! business of `shard/KIND/dialect`.

mod client;
mod columns;
mod conflicts;
mod expression;
mod expression_check;
mod file;
mod index;
pub mod lint;
mod model;
mod operation;
pub mod pgroll;
mod raw;
mod raw_operation;
mod rule;
mod runbook;
mod section;
mod sql_type;
mod table_name;

pub use crate::base::Source;
pub use client::{Client, ClientVersion};
pub use expression::{ExpressionError, Problem, Token, TokenKind, mentioned, tokens};
pub use expression_check::{
    Spelling, check_expression, check_query, check_statements, rename_columns,
};
pub use file::{LoadedMigration, load, load_kept, parse};
pub use index::*;
pub use model::{Chunks, Invariant, Migration, TableName, UserTriggers, Versions};
pub use operation::*;
pub use rule::*;
pub use sql_type::{TypeError, check_type};
pub use table_name::TableNameError;
