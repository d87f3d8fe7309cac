//! What the file itself keeps as proof: receipts of finished jobs, and the
//! heads of the journal that it has seen.

use super::dialect::steps::Steps;
use super::install::Fence;
use super::range::checkpoints;
use super::statement::run;
use crate::base::{Stop, quote_literal};
use crate::worker::{CallError, Warrant};
use sqlx::SqliteConnection;

const NOW: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

/// Notes where the journal stood when a stop began.
pub(super) async fn witness(
    conn: &mut SqliteConnection,
    stop: Stop,
    warrant: &Warrant,
    epoch: u64,
) -> Result<(), CallError> {
    let sql = format!(
        "INSERT OR IGNORE INTO pilothouse_witness (seq, head, stop, epoch, approvals, at) VALUES ({}, {}, {}, {epoch}, {}, {NOW})",
        warrant.head.seq,
        quote_literal(&warrant.head.hash.to_string()),
        quote_literal(&stop.to_string()),
        quote_literal(&warrant.approvals.join(" ")),
    );
    run(conn, sql).await
}

/// Writes down what every row job of a stop has covered, in the transaction
/// that closes the stop.
pub(super) async fn write(
    conn: &mut SqliteConnection,
    steps: &Steps,
    stop: Stop,
    fence: &Fence,
) -> Result<(), CallError> {
    void(conn, stop).await?;
    for (job, target) in &steps.jobs {
        if target.stop != stop {
            continue;
        }
        let ranges = checkpoints(conn, job).await?;
        // An undo's job has no checkpoint on the way there.
        if ranges.is_empty() {
            continue;
        }
        let (mut rows, mut chunks, mut stale, mut digests) = (0, 0, 0, [0_u64; 2]);
        for range in &ranges {
            rows += range.at.rows;
            chunks += range.at.chunks;
            stale += range.stale;
            for (all, one) in digests.iter_mut().zip(range.digests) {
                *all = all.wrapping_add(one);
            }
        }
        let sql = format!(
            "INSERT INTO pilothouse_receipts (stop, job, generation, epoch, ranges, rows, chunks, stale, digest1, digest2, at) \
             VALUES ({}, {}, {}, {}, {}, {rows}, {chunks}, {stale}, '{}', '{}', {NOW})",
            quote_literal(&stop.to_string()),
            quote_literal(job),
            fence.generation,
            fence.epoch,
            ranges.len(),
            digests[0],
            digests[1],
        );
        run(conn, sql).await?;
    }
    Ok(())
}

/// Takes the receipts of a stop away: it begins anew, or is undone.
pub(super) async fn void(conn: &mut SqliteConnection, stop: Stop) -> Result<(), CallError> {
    let stop = quote_literal(&stop.to_string());
    run(
        conn,
        format!("DELETE FROM pilothouse_receipts WHERE stop = {stop}"),
    )
    .await
}
