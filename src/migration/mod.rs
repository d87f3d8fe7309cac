//! The migration file: operations, chunk settings, invariants.
//!
//! Pure. Knows no database kind: what SQL an operation becomes is the
//! business of `shard/KIND/dialect`.

mod model;

pub use model::{
    AddColumn, Backfill, Chunks, Fill, Invariant, Migration, Operation, Sql, TableName,
    UserTriggers,
};
