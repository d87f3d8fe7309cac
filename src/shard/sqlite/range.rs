//! Cutting a table into ranges, and where each range stands.

use super::dialect::rows::{between, count, last_key, nth_key};
use super::dialect::shape::TableShape;
use super::dialect::steps::JobTarget;
use super::dialect::work::TableWork;
use super::failure::{range_gone, refused};
use super::install::{Fence, void_job};
use super::statement::{Texts, as_number, first, number, rows, run, text};
use crate::base::quote_literal;
use crate::worker::{CallError, Key, RangeAt, RowJobKind};
use sqlx::SqliteConnection;

/// One checkpoint row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) at: RangeAt,
    /// Where the next chunk begins: the last key done, or the lower bound.
    pub(super) cursor: Option<Key>,
    pub(super) lo: Option<Key>,
    pub(super) hi: Option<Key>,
    pub(super) generation: u64,
    pub(super) stale: u64,
    pub(super) exact: u64,
    pub(super) sample: Option<String>,
    pub(super) digests: [u64; 2],
}

const COLUMNS: &str = "range, cursor, closed, rows, chunks, lo, hi, generation, stale, exact, sample, digest1, digest2";

/// A key as it is stored: a JSON list of SQL literals.
pub(super) fn key_text(key: Option<&Key>) -> Option<String> {
    key.and_then(|key| serde_json::to_string(key).ok())
}

/// A stored key as SQL.
pub(super) fn key_literal(key: Option<&Key>) -> String {
    key_text(key).map_or("NULL".into(), |text| quote_literal(&text))
}

fn key(text: Option<&str>) -> Result<Option<Key>, CallError> {
    let Some(text) = text else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|error| {
        refused(
            "sqlite/checkpoint",
            format!("unreadable key {text}: {error}"),
        )
    })
}

fn checkpoint(row: &Texts) -> Result<Checkpoint, CallError> {
    let n = |place| as_number(text(row, place));
    let cursor = key(text(row, 1))?;
    Ok(Checkpoint {
        at: RangeAt {
            range: u32::try_from(n(0)).unwrap_or(u32::MAX),
            after: cursor.clone().filter(|_| n(4) > 0),
            closed: n(2) != 0,
            rows: n(3),
            chunks: n(4),
        },
        cursor,
        lo: key(text(row, 5))?,
        hi: key(text(row, 6))?,
        generation: n(7),
        stale: n(8),
        exact: n(9),
        sample: text(row, 10).map(str::to_owned),
        digests: [n(11), n(12)],
    })
}

/// All checkpoint rows of a job, in order.
pub(super) async fn checkpoints(
    conn: &mut SqliteConnection,
    job: &str,
) -> Result<Vec<Checkpoint>, CallError> {
    let job = quote_literal(job);
    let sql =
        format!("SELECT {COLUMNS} FROM pilothouse_checkpoint WHERE job = {job} ORDER BY range");
    rows(conn, sql).await?.iter().map(checkpoint).collect()
}

/// One checkpoint row of this generation.
pub(super) async fn checkpoint_of(
    conn: &mut SqliteConnection,
    job: &str,
    range: u32,
    generation: u64,
) -> Result<Checkpoint, CallError> {
    let quoted = quote_literal(job);
    let sql = format!(
        "SELECT {COLUMNS} FROM pilothouse_checkpoint WHERE job = {quoted} AND range = {range}"
    );
    let found = match first(conn, sql).await? {
        Some(row) => Some(checkpoint(&row)?),
        None => None,
    };
    found
        .filter(|found| found.generation == generation)
        .ok_or_else(|| {
            range_gone(format!(
                "range {range} of {job} is void (generation {generation}); it has to be cut again"
            ))
        })
}

/// Cuts the table into ranges that end at the last key there is now, unless
/// it is cut already. Costs one walk over the key's index.
pub(super) async fn split(
    conn: &mut SqliteConnection,
    job: &str,
    target: &JobTarget,
    (table, shape): (&TableWork, &TableShape),
    ranges: u32,
    fence: &Fence,
) -> Result<Vec<RangeAt>, CallError> {
    let there = checkpoints(conn, job).await?;
    if !there.is_empty() && there.iter().all(|c| c.generation == fence.generation) {
        return Ok(there.into_iter().map(|c| c.at).collect());
    }
    void_job(conn, job).await?;
    if target.kind == RowJobKind::Export {
        let export = super::dialect::rows::export_table(target.table);
        run(conn, format!("DROP TABLE IF EXISTS {export}")).await?;
        run(
            conn,
            super::dialect::rows::create_export(target.table, table, shape),
        )
        .await?;
    }
    if target.kind == RowJobKind::Restore && !was_dropped(conn, table).await? {
        // The old values are all there: what an unfinished drop has exported
        // must not overrule them.
        run(conn, insert(job, 0, (None, None), true, fence)).await?;
        return there_now(conn, job).await;
    }
    let all = number(conn, count(table, "1")).await?;
    let wanted = u64::from(ranges.max(1)).min(all.max(1));
    let mut lo = None;
    let mut cut = Vec::new();
    for n in 0..wanted {
        let bound = if n + 1 == wanted {
            last_key(table, shape, "1")
        } else {
            nth_key(
                table,
                shape,
                &between(shape, None, None),
                all * (n + 1) / wanted,
            )
        };
        let hi = first(conn, bound).await?.map(|row| key_of(&row));
        cut.push((lo, hi.clone()));
        lo = hi;
    }
    for (n, (lo, hi)) in cut.iter().enumerate() {
        // An empty table has nothing to walk: its one range is finished.
        let bounds = (lo.as_ref(), hi.as_ref());
        run(conn, insert(job, n, bounds, hi.is_none(), fence)).await?;
    }
    there_now(conn, job).await
}

fn insert(
    job: &str,
    n: usize,
    (lo, hi): (Option<&Key>, Option<&Key>),
    closed: bool,
    fence: &Fence,
) -> String {
    format!(
        "INSERT INTO pilothouse_checkpoint (job, range, lo, hi, cursor, closed, generation) \
         VALUES ({}, {n}, {lo}, {}, {lo}, {}, {})",
        quote_literal(job),
        key_literal(hi),
        u8::from(closed),
        fence.generation,
        lo = key_literal(lo),
    )
}

async fn there_now(conn: &mut SqliteConnection, job: &str) -> Result<Vec<RangeAt>, CallError> {
    let there = checkpoints(conn, job).await?;
    Ok(there.into_iter().map(|c| c.at).collect())
}

/// Whether columns of this table were dropped by us and not settled since.
async fn was_dropped(conn: &mut SqliteConnection, table: &TableWork) -> Result<bool, CallError> {
    let table = quote_literal(table.table.as_str());
    let sql = format!("SELECT count(*) FROM pilothouse_dropped WHERE tbl = {table}");
    Ok(number(conn, sql).await? > 0)
}

/// The key at the beginning of a row.
pub(super) fn key_of(row: &Texts) -> Key {
    Key(row
        .iter()
        .map(|value| value.clone().unwrap_or_else(|| "NULL".into()))
        .collect())
}
