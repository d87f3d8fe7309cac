//! Compiles a migration to steps and SQL for SQLite.
//!
//! Pure: text in, text out, no connection. What SQLite cannot do is refused
//! here with the reason. Must not know sqlx or a file.

pub mod ddl;
pub mod lex;
mod listing;
pub mod rows;
pub mod shape;
pub mod steps;
pub mod trigger;
pub mod work;

use crate::base::{ShardName, Stop};
use crate::migration::Migration;
use crate::shard::{CompileError, CompiledPlan};
use shape::TableShape;
use steps::Steps;
use work::Work;

/// A migration, ready for one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// Sorted by table.
    pub work: Work,
    /// Steps and their meaning.
    pub steps: Steps,
    /// What the rest of the program sees.
    pub plan: CompiledPlan,
}

/// Compiles. Without shapes (one per table, in the order of first mention)
/// the listing shows `rowid` where the key's own columns will stand.
pub fn compile(
    migration: &Migration,
    route: &[Stop],
    shard: &ShardName,
    shapes: Option<&[TableShape]>,
) -> Result<Compiled, CompileError> {
    let work = Work::new(migration, shard)?;
    let steps = steps::steps(&work, route);
    let assumed: Vec<TableShape> = work.tables.iter().map(|_| TableShape::assumed()).collect();
    let shapes = shapes.unwrap_or(&assumed);
    let plan = CompiledPlan {
        plan: steps.plan.clone(),
        // A count would read the whole file; progress is shown without a total.
        rows_estimate: 0,
        listing: listing::listing(&work, &steps, shapes),
    };
    Ok(Compiled { work, steps, plan })
}
