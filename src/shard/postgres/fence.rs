//! Transactions under the fence: whoever is not the owner any more cannot
//! commit anything.

use super::Failure;
use super::error::own;
use super::schema::FENCE_KEY;
use super::sql::{self, Value};
use crate::base::code;
use crate::worker::ErrorKind;
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// What the fence says inside the transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence {
    pub(super) generation: u64,
    pub(super) owner: Owner,
}

/// Whose name stands in the fence row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Us,
    Another,
}

/// How a transaction commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Rows and checkpoint are lost together, and the shard is the truth.
    Relaxed,
    /// Flushed before it is acknowledged.
    Synchronous,
}

/// `BEGIN`, take the fence shared, compare the epoch. The lock and the read
/// are two statements: under READ COMMITTED only a later statement sees what
/// the lock waited for.
pub(super) async fn begin(
    connection: &mut PgConnection,
    epoch: u64,
    durability: Durability,
) -> Result<Fence, Failure> {
    sql::run(connection, "BEGIN").await?;
    if durability == Durability::Relaxed {
        sql::run(connection, "SET LOCAL synchronous_commit = off").await?;
    }
    let locked = "SELECT pg_advisory_xact_lock_shared($1)";
    sql::execute(connection, locked, vec![Value::Int(FENCE_KEY)]).await?;
    let (found, fence) = read(connection).await?;
    // After a failover that lost a take-over two engines may have counted up
    // to the same epoch; the newer one stands in the row.
    let found = match fence.owner {
        Owner::Another if found == epoch => found + 1,
        Owner::Another | Owner::Us => found,
    };
    if found != epoch {
        return Err(Failure(own(
            ErrorKind::Fenced { epoch: found },
            code::FENCED,
            format!("the fence holds epoch {found}, ours is {epoch}"),
        )));
    }
    Ok(fence)
}

/// As [`begin`], but for the broken variant that does not compare.
pub(super) async fn begin_unfenced(connection: &mut PgConnection) -> Result<Fence, Failure> {
    sql::run(connection, "BEGIN").await?;
    sql::run(connection, "SET LOCAL synchronous_commit = off").await?;
    Ok(read(connection).await?.1)
}

/// Somebody has taken the fence away: nothing is ours to do any more.
pub(super) fn gone() -> Failure {
    Failure(own(
        ErrorKind::Refused,
        code::FENCE_GONE,
        "the fence row is gone",
    ))
}

/// Epoch and fence.
pub(super) async fn read(connection: &mut PgConnection) -> Result<(u64, Fence), Failure> {
    let statement = "SELECT epoch, generation,
        engine = substr(current_setting('application_name'), length('pilothouse/') + 1)
        FROM pilothouse.fence";
    let row = sql::row(connection, statement, vec![])
        .await?
        .ok_or_else(gone)?;
    let number = |place: usize| -> Result<u64, Failure> {
        Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
    };
    Ok((
        number(0)?,
        Fence {
            generation: number(1)?,
            owner: if row.try_get(2)? {
                Owner::Us
            } else {
                Owner::Another
            },
        },
    ))
}

/// `COMMIT`.
pub(super) async fn commit(connection: &mut PgConnection) -> Result<(), Failure> {
    sql::run(connection, "COMMIT").await?;
    Ok(())
}
