//! Preflight: everything that can be known before anything is touched.
//!
//! Runs in one transaction that is always rolled back; only what looks at
//! connections themselves stands outside of it. What other sessions do is
//! read as the login role, for the role that owns the tables does not see it.

mod clients;
mod drift;
mod grants;
mod others;
mod past;
mod rules;
mod server;
mod slots;
mod table;

pub(super) use drift::shape;
pub(super) use grants::closed;

use super::dialect::by_table;
use super::sql;
use super::{Failure, Inner, expression};
use crate::worker::{Check, CheckVerdict};
use sqlx::postgres::PgConnection;

pub(super) fn finding(
    name: &str,
    verdict: CheckVerdict,
    value: impl Into<String>,
    limit: &str,
    remedy: &str,
) -> Check {
    Check::new(format!("preflight/{name}"), verdict, value, limit, remedy)
}

pub(super) fn pass_or(bad: CheckVerdict, good: bool) -> CheckVerdict {
    if good { CheckVerdict::Pass } else { bad }
}

/// Runs every check; the transaction is rolled back whatever they find.
pub(super) async fn run(
    connection: &mut PgConnection,
    shard: &Inner,
) -> Result<Vec<Check>, Failure> {
    let mut out = server::pinned(shard);
    out.extend(server::direct(connection, shard).await?);
    sql::run(connection, "BEGIN").await?;
    let checks = checks(connection, shard).await;
    sql::run(connection, "ROLLBACK").await?;
    out.extend(checks?);
    out.extend(others::candidates(shard).await);
    out.extend(others::replicas(shard).await);
    Ok(out)
}

async fn checks(connection: &mut PgConnection, shard: &Inner) -> Result<Vec<Check>, Failure> {
    let mut out = server::checks(connection).await?;
    out.push(server::deadlock(connection, shard).await?);
    out.extend(grants::checks(connection, shard).await?);
    for form in by_table(&shard.program().forms) {
        out.extend(table::checks(connection, shard, form).await?);
    }
    for form in &shard.program().forms {
        out.extend(expression::checks(connection, form).await?);
    }
    out.extend(rules::checks(connection, shard).await?);
    for table in &shard.program().restructured {
        out.extend(table::owned(connection, shard, &table.to_string()).await?);
    }
    out.push(past::check(connection, shard).await?);
    let shape = shape(connection, &shard.program().forms).await?;
    shard.fleet.shapes.post(&shard.spec.name, shape.clone());
    out.extend(shard.fleet.shapes.check(&shape));
    out.push(server::disk(connection, shard).await?);
    // From here on as the login role; the rollback gives the other one back.
    sql::run(connection, "SET LOCAL ROLE NONE").await?;
    out.push(clients::long_transactions(connection).await?);
    out.extend(slots::checks(connection, shard).await?);
    for form in by_table(&shard.program().forms) {
        out.push(clients::unnamed_columns(connection, form).await?);
    }
    Ok(out)
}
