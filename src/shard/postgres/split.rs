//! Cutting a job into ranges, and proving at the end that they cover it.

use super::dialect::RowSql;
use super::error::own;
use super::fence::{self, Durability};
use super::sql::{self, Value};
use super::{Failure, Inner, int, registry};
use crate::base::{Digest, code};
use crate::rollout::{Evidence, Restored};
use crate::worker::{ErrorKind, Key, RangeAt, Reply, RowJob, RowJobKind};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

/// Every column of a checkpoint row, as [`range_at`] reads them.
pub(super) const RANGE_COLUMNS: &str = "range, cursor, closed, rows, chunks";

/// Reads a checkpoint row.
pub(super) fn range_at(row: &PgRow) -> Result<RangeAt, Failure> {
    let number = |place: usize| -> Result<u64, Failure> {
        Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
    };
    Ok(RangeAt {
        range: u32::try_from(row.try_get::<i32, _>(0)?).unwrap_or(0),
        after: row.try_get::<Option<Vec<String>>, _>(1)?.map(Key),
        closed: row.try_get(2)?,
        rows: number(3)?,
        chunks: number(4)?,
    })
}

/// Cuts the job, unless it is cut already in this generation.
pub(super) async fn split(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    job: &RowJob,
    ranges: u32,
) -> Result<Reply, Failure> {
    let rows = shard.row_sql(&job.id)?;
    let fence = fence::begin(connection, epoch, Durability::Synchronous).await?;
    let generation = int(fence.generation);
    // What an older generation left is void.
    let void = "DELETE FROM pilothouse.checkpoint WHERE job = $1 AND generation <> $2";
    sql::execute(
        connection,
        void,
        vec![job.id.as_str().into(), generation.clone()],
    )
    .await?;
    let mut found = ranges_of(connection, job).await?;
    if found.is_empty() {
        sql::execute(
            connection,
            "DELETE FROM pilothouse.chunk_log WHERE job = $1",
            vec![job.id.as_str().into()],
        )
        .await?;
        let (ends, last) = cut(connection, rows, ranges).await?;
        // The end is fixed now: with the trigger on, later rows are right.
        let last = if rows.bounded { last } else { None };
        store(connection, job, &generation, &ends, last.as_ref()).await?;
        found = ranges_of(connection, job).await?;
    }
    fence::commit(connection).await?;
    Ok(Reply::Ranges(found))
}

async fn ranges_of(connection: &mut PgConnection, job: &RowJob) -> Result<Vec<RangeAt>, Failure> {
    let statement =
        format!("SELECT {RANGE_COLUMNS} FROM pilothouse.checkpoint WHERE job = $1 ORDER BY range");
    let rows = sql::rows(connection, &statement, vec![job.id.as_str().into()]).await?;
    rows.iter().map(range_at).collect()
}

/// Inner ends of the ranges, rising, and the highest key.
async fn cut(
    connection: &mut PgConnection,
    rows: &RowSql,
    ranges: u32,
) -> Result<(Vec<Vec<String>>, Option<Vec<String>>), Failure> {
    let end = |row: Option<PgRow>| -> Result<Option<Vec<String>>, Failure> {
        Ok(row.map(|r| r.try_get(0)).transpose()?)
    };
    let last = end(sql::row(connection, &rows.end("DESC"), vec![]).await?)?;
    let (Some(_), true) = (&last, ranges > 1) else {
        return Ok((Vec::new(), last));
    };
    // Any rising list of keys is right; a sample only makes it even. Keys are
    // not cut by arithmetic: where most numbers are unused, one range would
    // get nearly all rows.
    let pages = sql::row(connection, &rows.pages(), vec![]).await?;
    let pages: i64 = pages.map(|r| r.try_get(0)).transpose()?.unwrap_or(0);
    let cuts = rows.cuts(&sample_percent(pages), ranges);
    let mut ends: Vec<Vec<String>> = Vec::new();
    for row in sql::rows(connection, &cuts, vec![]).await? {
        ends.push(row.try_get(0)?);
    }
    Ok((ends, last))
}

/// Pages that a sample reads, about. The ends are then a few percent off.
const SAMPLED_PAGES: i64 = 1_000;

/// Share of the pages to read; a small table is read whole.
fn sample_percent(pages: i64) -> String {
    let millionths = (SAMPLED_PAGES * 100_000_000 / pages.max(1)).clamp(1, 100_000_000);
    format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
}

async fn store(
    connection: &mut PgConnection,
    job: &RowJob,
    generation: &Value,
    ends: &[Vec<String>],
    last: Option<&Vec<String>>,
) -> Result<(), Failure> {
    let statement = "INSERT INTO pilothouse.checkpoint (job, range, generation, lo, hi, cursor)
        VALUES ($1, $2::bigint::integer, $3, nullif($4::text[], '{}'), nullif($5::text[], '{}'), nullif($4::text[], '{}'))";
    for place in 0..=ends.len() {
        let lo = place
            .checked_sub(1)
            .and_then(|p| ends.get(p))
            .cloned()
            .unwrap_or_default();
        let hi = ends
            .get(place)
            .or(last.filter(|_| place == ends.len()))
            .cloned();
        let values = vec![
            job.id.as_str().into(),
            int(place as u64),
            generation.clone(),
            Value::List(lo),
            Value::List(hi.unwrap_or_default()),
        ];
        sql::execute(connection, statement, values).await?;
    }
    Ok(())
}

/// Ranges that are open, void, do not join the one before, or whose log does
/// not cover them.
async fn gaps(
    connection: &mut PgConnection,
    job: &RowJob,
    generation: u64,
) -> Result<i64, Failure> {
    let gaps = "WITH c AS (
            SELECT range, lo, hi, closed, cursor, rows, generation,
                   lag(hi) OVER w AS before, row_number() OVER w AS place
            FROM pilothouse.checkpoint WHERE job = $1 WINDOW w AS (ORDER BY range))
        SELECT count(*) FROM c WHERE NOT closed OR generation <> $2
            OR (place = 1 AND lo IS NOT NULL) OR (place > 1 AND lo IS DISTINCT FROM before)
            OR (cursor IS DISTINCT FROM lo AND NOT EXISTS (
                SELECT 1 FROM pilothouse.chunk_log l WHERE l.job = $1 AND l.range = c.range
                    AND l.lo IS NOT DISTINCT FROM c.lo AND l.hi = c.cursor AND l.rows = c.rows))";
    let values = vec![job.id.as_str().into(), int(generation)];
    let row = sql::row(connection, gaps, values).await?;
    Ok(row.map(|r| r.try_get(0)).transpose()?.unwrap_or(1))
}

/// Proves that every range is closed, that they join without a gap from the
/// lowest key to the end, and that the log of each covers it; then sums up.
pub(super) async fn conclude(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    job: &RowJob,
) -> Result<Reply, Failure> {
    let fence = fence::begin(connection, epoch, Durability::Synchronous).await?;
    registry::demand_intact_of(connection, shard, job).await?;
    let gaps = gaps(connection, job, fence.generation).await?;
    let sums = "SELECT count(*), coalesce(sum(rows), 0)::bigint, coalesce(sum(chunks), 0)::bigint,
            coalesce(sum(stale), 0)::bigint, coalesce(sum(digest_1), 0)::text,
            coalesce(sum(digest_2), 0)::text, string_agg(note, '; ' ORDER BY range),
            coalesce(sum(exact), 0)::bigint
        FROM pilothouse.checkpoint WHERE job = $1";
    let row = sql::row(connection, sums, vec![job.id.as_str().into()])
        .await?
        .ok_or_else(|| Failure(own(ErrorKind::Refused, code::GAP, "no sums")))?;
    let ranges: i64 = row.try_get(0)?;
    if gaps != 0 || ranges == 0 {
        let message = format!(
            "{gaps} of {ranges} ranges of {} are open or do not join",
            job.title
        );
        return Err(Failure(own(ErrorKind::Refused, code::GAP, message)));
    }
    let number = |place: usize| -> Result<u64, Failure> {
        Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
    };
    let (digest_1, digest_2): (String, String) = (row.try_get(4)?, row.try_get(5)?);
    let rows = number(1)?;
    let digest = Digest::of(
        "row-job/1",
        &[
            job.id.as_bytes(),
            b"\0",
            rows.to_string().as_bytes(),
            b"\0",
            digest_1.as_bytes(),
            b"\0",
            digest_2.as_bytes(),
        ],
    );
    let exact = number(7)?;
    let restored = (job.kind == RowJobKind::Restore).then(|| Restored {
        exported: exact,
        down: rows.saturating_sub(exact),
    });
    let evidence = Evidence {
        rows,
        chunks: number(2)?,
        stale: number(3)?,
        digest: Some(digest),
        notes: row.try_get::<Option<String>, _>(6)?.into_iter().collect(),
        restored,
        ..Evidence::default()
    };
    if evidence.stale > 0 {
        // A retry must look again, not remember.
        let forget = "DELETE FROM pilothouse.checkpoint WHERE job = $1";
        sql::execute(connection, forget, vec![job.id.as_str().into()]).await?;
    }
    fence::commit(connection).await?;
    Ok(Reply::Concluded(evidence))
}

#[cfg(test)]
mod tests {
    use super::sample_percent;

    #[test]
    fn a_sample_reads_about_the_same_number_of_pages_of_every_table() {
        for (pages, percent) in [
            (0, "100.000000"),
            (1_000, "100.000000"),
            (10_000, "10.000000"),
            (3_000_000, "0.033333"),
            (i64::MAX, "0.000001"),
        ] {
            assert_eq!(sample_percent(pages), percent, "{pages} pages");
        }
    }
}
