//! The end of a row job: prove that its ranges cover everything, sum up.

use super::dialect::steps::JobTarget;
use super::failure::refused;
use super::install::{Fence, void_job};
use super::range::{Checkpoint, checkpoints, key_text};
use super::statement::{as_number, rows, text};
use crate::base::{Digest, code, quote_literal};
use crate::rollout::{Evidence, Restored};
use crate::worker::{CallError, RowJobKind};
use sqlx::SqliteConnection;

pub(super) async fn conclude(
    conn: &mut SqliteConnection,
    job: &str,
    target: &JobTarget,
    fence: &Fence,
) -> Result<Evidence, CallError> {
    let ranges = checkpoints(conn, job).await?;
    adjoin(job, &ranges, fence)?;
    for range in &ranges {
        log_covers(conn, job, range).await?;
    }
    let evidence = sum_up(&ranges, target.kind);
    if evidence.stale > 0 {
        // A retry after the rows were mended has to look at them again.
        void_job(conn, job).await?;
    }
    Ok(evidence)
}

/// From the first key to the bound set at the start, without a gap.
fn adjoin(job: &str, ranges: &[Checkpoint], fence: &Fence) -> Result<(), CallError> {
    let gap = |what: String| Err(refused(code::GAP, format!("{job}: {what}")));
    let Some(first) = ranges.first() else {
        return gap("it was never cut into ranges".into());
    };
    if first.lo.is_some() {
        return gap("nothing covers the keys before the first range".into());
    }
    for (n, range) in ranges.iter().enumerate() {
        if range.generation != fence.generation {
            return gap(format!("range {n} is of an older generation"));
        }
        if !range.at.closed {
            return gap(format!("range {n} is not finished"));
        }
        if range.at.range as usize != n {
            return gap(format!("range {n} is missing"));
        }
    }
    for pair in ranges.windows(2) {
        if pair[0].hi != pair[1].lo {
            return gap(format!("there is a gap after range {}", pair[0].at.range));
        }
    }
    Ok(())
}

/// Chunk after chunk, each where the one before it ended.
async fn log_covers(
    conn: &mut SqliteConnection,
    job: &str,
    range: &Checkpoint,
) -> Result<(), CallError> {
    let n = range.at.range;
    let gap = |what: &str| Err(refused(code::GAP, format!("{job}, range {n}: {what}")));
    let sql = format!(
        "SELECT n, lo, hi, rows FROM pilothouse_chunk_log WHERE job = {} AND range = {n} ORDER BY n",
        quote_literal(job)
    );
    let mut at = key_text(range.lo.as_ref());
    let (mut sum, mut chunks) = (0, 0);
    for row in rows(conn, sql).await? {
        chunks += 1;
        if as_number(text(&row, 0)) != chunks || text(&row, 1) != at.as_deref() {
            return gap("the chunk log has a gap");
        }
        at = text(&row, 2).map(str::to_owned);
        sum += as_number(text(&row, 3));
    }
    if at != key_text(range.cursor.as_ref()) {
        return gap("the chunk log does not end where the checkpoint stands");
    }
    if (sum, chunks) != (range.at.rows, range.at.chunks) {
        return gap("chunk log and checkpoint count differently");
    }
    Ok(())
}

fn sum_up(ranges: &[Checkpoint], kind: RowJobKind) -> Evidence {
    let sum = |of: fn(&Checkpoint) -> u64| ranges.iter().map(of).sum::<u64>();
    let rows = sum(|r| r.at.rows);
    let mut evidence = Evidence {
        rows,
        chunks: sum(|r| r.at.chunks),
        stale: sum(|r| r.stale),
        ..Evidence::default()
    };
    if let Some(key) = ranges.iter().find_map(|r| r.sample.as_ref()) {
        evidence
            .notes
            .push(format!("the first wrong row has key {key}"));
    }
    match kind {
        RowJobKind::Fill => {}
        RowJobKind::Verify | RowJobKind::Export => {
            let mut digests = [0_u64; 2];
            for range in ranges {
                for (all, one) in digests.iter_mut().zip(range.digests) {
                    *all = all.wrapping_add(one);
                }
            }
            let [a, b] = digests.map(u64::to_le_bytes);
            let count = rows.to_le_bytes();
            evidence.digest = Some(Digest::of("sqlite/rows/1", &[&count, &a, &b]));
        }
        RowJobKind::Restore => {
            let exact = sum(|r| r.exact);
            evidence.restored = Some(Restored {
                exported: exact,
                down: rows.saturating_sub(exact),
            });
        }
    }
    evidence
}
