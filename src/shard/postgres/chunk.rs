//! One chunk: fence, checkpoint, rows and log in one transaction.
//!
//! Lock order is always fence → checkpoint → rows in key order, so two of our
//! own never wait for each other in a circle.

use super::dialect::{Bound, RowSql};
use super::error::own;
use super::fence::{self, Durability, Fence};
use super::split::{RANGE_COLUMNS, range_at};
use super::sql::{self, Value};
use super::{Failure, Inner, int};
use crate::base::code;
use crate::rollout::Restored;
use crate::worker::{ChunkDone, ErrorKind, Key, RangeAt, Reply, RowJob, RowJobKind};
use sqlx::Row;
use sqlx::postgres::PgConnection;
use std::time::Instant;

/// What a chunk is asked for.
pub(super) struct Wanted<'a> {
    pub(super) job: &'a RowJob,
    pub(super) range: u32,
    pub(super) after: Option<Key>,
    pub(super) rows: u32,
}

/// Where the range stands, by its checkpoint.
pub(super) async fn read_range(
    connection: &mut PgConnection,
    job: &RowJob,
    range: u32,
) -> Result<Reply, Failure> {
    let statement = format!(
        "SELECT {RANGE_COLUMNS} FROM pilothouse.checkpoint WHERE job = $1 AND range = $2::bigint::integer"
    );
    let values = vec![job.id.as_str().into(), int(range.into())];
    let row = sql::row(connection, &statement, values)
        .await?
        .ok_or_else(|| gone(job, range))?;
    Ok(Reply::Range(range_at(&row)?))
}

/// The checkpoint is gone: a failover or a new generation took it. Looks like
/// a fence of another epoch to the worker: the lead has to look again.
fn gone(job: &RowJob, range: u32) -> Failure {
    let message = format!("range {range} of {} has no checkpoint any more", job.title);
    Failure(own(
        ErrorKind::Fenced { epoch: 0 },
        code::RANGE_GONE,
        message,
    ))
}

/// A locked checkpoint.
struct Held {
    at: RangeAt,
    hi: Option<Key>,
}

async fn hold(
    connection: &mut PgConnection,
    fence: Fence,
    job: &RowJob,
    range: u32,
) -> Result<Held, Failure> {
    let statement = format!(
        "SELECT {RANGE_COLUMNS}, hi FROM pilothouse.checkpoint
         WHERE job = $1 AND range = $2::bigint::integer AND generation = $3 FOR UPDATE"
    );
    let values = vec![
        job.id.as_str().into(),
        int(range.into()),
        int(fence.generation),
    ];
    let row = sql::row(connection, &statement, values)
        .await?
        .ok_or_else(|| gone(job, range))?;
    let hi: Option<Vec<String>> = row.try_get(5)?;
    Ok(Held {
        at: range_at(&row)?,
        hi: hi.map(Key),
    })
}

/// Commits one chunk, or tells where the range really stands.
pub(super) async fn chunk(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    wanted: Wanted<'_>,
) -> Result<Reply, Failure> {
    let started = Instant::now();
    let sql_of = shard.row_sql(&wanted.job.id)?;
    let fence = if shard.variant.skips_fence() {
        fence::begin_unfenced(connection).await?
    } else {
        fence::begin(connection, epoch, Durability::Relaxed).await?
    };
    let held = hold(connection, fence, wanted.job, wanted.range).await?;
    if held.at.closed || held.at.after != wanted.after {
        sql::run(connection, "ROLLBACK").await?;
        return Ok(Reply::Range(held.at));
    }
    let took_ms = |from: Instant| u64::try_from(from.elapsed().as_millis()).unwrap_or(u64::MAX);
    let ends = (held.at.after.as_ref(), held.hi.as_ref());
    let Some((rows, until)) = next_rows(connection, sql_of, ends, wanted.rows).await? else {
        sql::run(connection, "ROLLBACK").await?;
        let done = ChunkDone {
            rows: 0,
            after: held.at.after,
            stale: 0,
            took_ms: took_ms(started),
        };
        return Ok(Reply::Chunk(done));
    };
    if shard.variant.splits_checkpoint() {
        log(connection, epoch, &wanted, &held, rows, &until).await?;
        fence::commit(connection).await?;
        sql::run(connection, "BEGIN").await?;
    }
    let stale = work(connection, sql_of, &wanted, &held, &until).await?;
    if !shard.variant.splits_checkpoint() {
        log(connection, epoch, &wanted, &held, rows, &until).await?;
    }
    fence::commit(connection).await?;
    let done = ChunkDone {
        rows,
        after: Some(until),
        stale,
        took_ms: took_ms(started),
    };
    Ok(Reply::Chunk(done))
}

fn ends(after: Option<&Key>, until: Option<&Key>) -> Vec<Value> {
    let list = |key: Option<&Key>| Value::List(key.map(|k| k.0.clone()).unwrap_or_default());
    vec![list(after), list(until)]
}

/// How many rows the chunk has, and its last key; `None` when none is left.
async fn next_rows(
    connection: &mut PgConnection,
    rows: &RowSql,
    (after, until): (Option<&Key>, Option<&Key>),
    most: u32,
) -> Result<Option<(u64, Key)>, Failure> {
    let values = || ends(after, until);
    let (after, until) = (Bound::from(&after), Bound::from(&until));
    let full = sql::row(connection, &rows.full_chunk(most, after, until), values()).await?;
    if let Some(row) = full {
        return Ok(Some((u64::from(most), Key(row.try_get(0)?))));
    }
    let tail = sql::row(connection, &rows.tail(after, until), values()).await?;
    let Some(row) = tail else {
        return Ok(None);
    };
    let count: i64 = row.try_get(1)?;
    Ok(Some((
        u64::try_from(count).unwrap_or(0).max(1),
        Key(row.try_get(0)?),
    )))
}

/// Does the work on `(after, until]`; gives the number of wrong rows found.
async fn work(
    connection: &mut PgConnection,
    rows: &RowSql,
    wanted: &Wanted<'_>,
    held: &Held,
    until: &Key,
) -> Result<u64, Failure> {
    let bound = Bound::from(&held.at.after);
    let statement = rows.filled(&rows.work, bound, Bound::Given);
    let values = ends(held.at.after.as_ref(), Some(until));
    match wanted.job.kind {
        RowJobKind::Verify => {}
        RowJobKind::Fill | RowJobKind::Export => {
            sql::execute(connection, &statement, values).await?;
            return Ok(0);
        }
        RowJobKind::Restore => {
            let row = sql::row(connection, &statement, values).await?;
            let exact: i64 = row.map(|r| r.try_get(0)).transpose()?.unwrap_or(0);
            let statement = "UPDATE pilothouse.checkpoint SET exact = exact + $3
                WHERE job = $1 AND range = $2::bigint::integer";
            let values = vec![
                wanted.job.id.as_str().into(),
                int(wanted.range.into()),
                exact.into(),
            ];
            sql::execute(connection, statement, values).await?;
            return Ok(0);
        }
    }
    let row = sql::row(connection, &statement, values.clone())
        .await?
        .ok_or_else(|| {
            Failure(own(
                ErrorKind::Refused,
                code::NO_DIGEST,
                "no digest came back",
            ))
        })?;
    let stale: i64 = row.try_get(1)?;
    let (digest_1, digest_2): (String, String) = (row.try_get(2)?, row.try_get(3)?);
    let mut note = None;
    if stale > 0
        && let Some(search) = &rows.wrong
    {
        let search = rows.filled(search, bound, Bound::Given);
        let keys = sql::text(connection, &search, values).await?;
        note = keys.map(|keys| format!("wrong at key {keys}"));
    }
    let statement = "UPDATE pilothouse.checkpoint SET stale = stale + $3,
        digest_1 = digest_1 + $4::text::numeric, digest_2 = digest_2 + $5::text::numeric,
        note = coalesce(note, $6) WHERE job = $1 AND range = $2::bigint::integer";
    let values = vec![
        wanted.job.id.as_str().into(),
        int(wanted.range.into()),
        stale.into(),
        digest_1.into(),
        digest_2.into(),
        Value::Text(note),
    ];
    sql::execute(connection, statement, values).await?;
    Ok(u64::try_from(stale).unwrap_or(0))
}

/// Checkpoint and log, in one statement.
async fn log(
    connection: &mut PgConnection,
    epoch: u64,
    wanted: &Wanted<'_>,
    held: &Held,
    rows: u64,
    until: &Key,
) -> Result<(), Failure> {
    let statement = "WITH moved AS (
            UPDATE pilothouse.checkpoint SET cursor = $3::text[], rows = rows + $5, chunks = chunks + 1
            WHERE job = $1 AND range = $2::bigint::integer)
        INSERT INTO pilothouse.chunk_log (job, range, n, lo, hi, epoch, rows)
        VALUES ($1, $2::bigint::integer, $6, nullif($4::text[], '{}'), $3::text[], $7, $5)";
    let values = vec![
        wanted.job.id.as_str().into(),
        int(wanted.range.into()),
        Value::List(until.0.clone()),
        Value::List(
            held.at
                .after
                .as_ref()
                .map(|k| k.0.clone())
                .unwrap_or_default(),
        ),
        int(rows),
        int(held.at.chunks + 1),
        int(epoch),
    ];
    sql::execute(connection, statement, values).await?;
    Ok(())
}

/// What a merge restore would give the next rows. Reads only, in statements as
/// short as chunks: no snapshot is held for the length of the table.
pub(super) async fn count_restore(
    connection: &mut PgConnection,
    shard: &Inner,
    job: &RowJob,
    after: Option<Key>,
    rows: u32,
) -> Result<Reply, Failure> {
    let nothing = Reply::RestoreCounted {
        restored: Restored::default(),
        after: None,
    };
    let sql_of = shard.row_sql(&job.id)?;
    let Some(count) = &sql_of.count else {
        return Ok(nothing);
    };
    let dropped = sql::text(connection, &count.is_dropped, vec![]).await?;
    if dropped.as_deref() != Some("already") {
        return Ok(nothing);
    }
    let next = next_rows(connection, sql_of, (after.as_ref(), None), rows).await?;
    let Some((_, until)) = next else {
        return Ok(nothing);
    };
    let bound = Bound::from(&after);
    let statement = sql_of.filled(&count.rows, bound, Bound::Given);
    let values = ends(after.as_ref(), Some(&until));
    let (mut found, mut exact) = (0_i64, 0_i64);
    if let Some(row) = sql::row(connection, &statement, values).await? {
        (found, exact) = (row.try_get(0)?, row.try_get(1)?);
    }
    Ok(Reply::RestoreCounted {
        restored: Restored {
            exported: u64::try_from(exact).unwrap_or(0),
            down: u64::try_from(found - exact).unwrap_or(0),
        },
        after: Some(until),
    })
}

/// Closes a range if a fresh transaction agrees that nothing is left, and
/// merges its log into one row once it is contiguous.
pub(super) async fn close_range(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    job: &RowJob,
    range: u32,
) -> Result<Reply, Failure> {
    let rows = shard.row_sql(&job.id)?;
    let fence = fence::begin(connection, epoch, Durability::Synchronous).await?;
    let held = hold(connection, fence, job, range).await?;
    let ends = (held.at.after.as_ref(), held.hi.as_ref());
    if next_rows(connection, rows, ends, 1).await?.is_some() {
        sql::run(connection, "ROLLBACK").await?;
        return Ok(Reply::Closed { empty: false });
    }
    let values = || vec![job.id.as_str().into(), int(range.into())];
    let breaks = "SELECT count(*) FROM (
            SELECT lo, lag(hi) OVER (ORDER BY n) AS before, row_number() OVER (ORDER BY n) AS place
            FROM pilothouse.chunk_log WHERE job = $1 AND range = $2::bigint::integer) l
        WHERE place > 1 AND lo IS DISTINCT FROM before";
    let row = sql::row(connection, breaks, values()).await?;
    let breaks: i64 = row.map(|r| r.try_get(0)).transpose()?.unwrap_or(1);
    if breaks != 0 {
        let message = format!(
            "the chunk log of range {range} of {} has {breaks} gaps",
            job.title
        );
        return Err(Failure(own(ErrorKind::Refused, code::GAP, message)));
    }
    merge_log(connection, values()).await?;
    let close = "UPDATE pilothouse.checkpoint SET closed = true WHERE job = $1 AND range = $2::bigint::integer";
    sql::execute(connection, close, values()).await?;
    fence::commit(connection).await?;
    Ok(Reply::Closed { empty: true })
}

async fn merge_log(connection: &mut PgConnection, values: Vec<Value>) -> Result<(), Failure> {
    let statement = "WITH whole AS (
            SELECT sum(rows)::bigint AS rows, sum(chunks)::bigint AS chunks, max(epoch) AS epoch,
                   min(n) AS first, max(n) AS last
            FROM pilothouse.chunk_log WHERE job = $1 AND range = $2::bigint::integer),
        kept AS (
            UPDATE pilothouse.chunk_log l SET rows = w.rows, chunks = w.chunks, epoch = w.epoch,
                hi = (SELECT e.hi FROM pilothouse.chunk_log e
                      WHERE e.job = $1 AND e.range = $2::bigint::integer AND e.n = w.last)
            FROM whole w WHERE l.job = $1 AND l.range = $2::bigint::integer AND l.n = w.first)
        DELETE FROM pilothouse.chunk_log l USING whole w
        WHERE l.job = $1 AND l.range = $2::bigint::integer AND l.n > w.first";
    sql::execute(connection, statement, values).await?;
    Ok(())
}
