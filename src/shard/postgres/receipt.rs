//! What the shard itself keeps as proof: receipts of finished row jobs, and
//! the heads of the journal that it has seen. Both are written inside the
//! caller's fenced transaction.

use super::fence::Fence;
use super::sql;
use super::{Failure, Inner, int};
use crate::base::Stop;
use crate::worker::Warrant;
use sqlx::postgres::PgConnection;

/// Notes where the journal stood when a stop began.
pub(super) async fn witness(
    connection: &mut PgConnection,
    shard: &Inner,
    stop: Stop,
    warrant: &Warrant,
    epoch: u64,
) -> Result<(), Failure> {
    let statement =
        "INSERT INTO pilothouse.witness (seq, head, stop, epoch, approvals, rollout) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING";
    let values = vec![
        int(warrant.head.seq),
        warrant.head.hash.to_string().into(),
        stop.to_string().into(),
        int(epoch),
        warrant.approvals.join(" ").into(),
        shard.rollout.id.as_str().into(),
    ];
    sql::execute(connection, statement, values).await?;
    Ok(())
}

/// Writes down what every row job of a stop has covered, by its own
/// checkpoints, in the transaction that closes the stop.
pub(super) async fn write(
    connection: &mut PgConnection,
    shard: &Inner,
    stop: Stop,
    epoch: u64,
    fence: Fence,
) -> Result<(), Failure> {
    void(connection, stop).await?;
    let statement = "INSERT INTO pilothouse.receipts
            (stop, job, generation, epoch, ranges, rows, chunks, stale, exact, digest_1, digest_2)
        SELECT $1, job, $2, $3, count(*), sum(rows)::bigint, sum(chunks)::bigint, sum(stale)::bigint,
            sum(exact)::bigint, sum(digest_1), sum(digest_2)
        FROM pilothouse.checkpoint WHERE job = ANY ($4) AND generation = $2 GROUP BY job";
    let values = vec![
        stop.to_string().into(),
        int(fence.generation),
        int(epoch),
        sql::Value::List(shard.program().jobs_of(stop)),
    ];
    sql::execute(connection, statement, values).await?;
    Ok(())
}

/// Takes the receipts of a stop away: it begins anew, or is undone.
pub(super) async fn void(connection: &mut PgConnection, stop: Stop) -> Result<(), Failure> {
    let statement = "DELETE FROM pilothouse.receipts WHERE stop = $1";
    sql::execute(connection, statement, vec![stop.to_string().into()]).await?;
    Ok(())
}
