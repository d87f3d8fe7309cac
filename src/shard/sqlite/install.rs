//! Our own tables, and what stands in them.

use super::dialect::trigger::Authority;
use super::failure::fenced;
use super::statement::{as_number, first, number, run, text, value};
use crate::base::{Stop, quote_literal};
use crate::worker::{CallError, ErrorKind};
use sqlx::SqliteConnection;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS pilothouse_fence (
  one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL,
  generation INTEGER NOT NULL, identity TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pilothouse_registry (
  one INTEGER PRIMARY KEY CHECK (one = 1), rollout TEXT NOT NULL,
  plan_digest TEXT NOT NULL, shard_set_digest TEXT NOT NULL, begun TEXT, ended TEXT,
  authority TEXT, triggers_digest TEXT, schema_version INTEGER);
CREATE TABLE IF NOT EXISTS pilothouse_checkpoint (
  job TEXT NOT NULL, range INTEGER NOT NULL, lo TEXT, hi TEXT, cursor TEXT,
  rows INTEGER NOT NULL DEFAULT 0, chunks INTEGER NOT NULL DEFAULT 0,
  closed INTEGER NOT NULL DEFAULT 0, generation INTEGER NOT NULL,
  stale INTEGER NOT NULL DEFAULT 0, exact INTEGER NOT NULL DEFAULT 0, sample TEXT,
  digest1 TEXT NOT NULL DEFAULT '0', digest2 TEXT NOT NULL DEFAULT '0',
  PRIMARY KEY (job, range)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pilothouse_chunk_log (
  job TEXT NOT NULL, range INTEGER NOT NULL, n INTEGER NOT NULL, lo TEXT, hi TEXT,
  epoch INTEGER NOT NULL, rows INTEGER NOT NULL,
  PRIMARY KEY (job, range, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pilothouse_step_done (
  step TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pilothouse_dropped (
  tbl TEXT NOT NULL, col TEXT NOT NULL, sql_type TEXT NOT NULL,
  not_null INTEGER NOT NULL, dflt TEXT, PRIMARY KEY (tbl, col)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pilothouse_heartbeat (
  one INTEGER PRIMARY KEY CHECK (one = 1), at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS pilothouse_receipts (
  stop TEXT NOT NULL, job TEXT NOT NULL, generation INTEGER NOT NULL, epoch INTEGER NOT NULL,
  ranges INTEGER NOT NULL, rows INTEGER NOT NULL, chunks INTEGER NOT NULL, stale INTEGER NOT NULL,
  digest1 TEXT NOT NULL, digest2 TEXT NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (stop, job)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pilothouse_witness (
  seq INTEGER NOT NULL, head TEXT NOT NULL, stop TEXT NOT NULL, epoch INTEGER NOT NULL,
  approvals TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (seq, head, stop)) WITHOUT ROWID;
INSERT OR IGNORE INTO pilothouse_fence (one, epoch, generation, identity)
  VALUES (1, 0, 1, lower(hex(randomblob(16))));";

/// The fence row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    pub(super) epoch: u64,
    pub(super) generation: u64,
    pub(super) identity: String,
}

/// The registry row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Registry {
    pub(super) rollout: String,
    pub(super) plan_digest: String,
    pub(super) ended: Option<Stop>,
    pub(super) authority: Option<Authority>,
    pub(super) triggers_digest: Option<String>,
    pub(super) schema_version: u64,
}

/// Brings our tables about.
pub(super) async fn install(conn: &mut SqliteConnection) -> Result<(), CallError> {
    run(conn, TABLES.to_owned()).await
}

/// Whether our tables are there.
pub(super) async fn is_installed(conn: &mut SqliteConnection) -> Result<bool, CallError> {
    let sql =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'pilothouse_fence'";
    Ok(number(conn, sql.to_owned()).await? > 0)
}

/// The fence row, if we are installed.
pub(super) async fn fence(conn: &mut SqliteConnection) -> Result<Option<Fence>, CallError> {
    if !is_installed(conn).await? {
        return Ok(None);
    }
    let sql = "SELECT epoch, generation, identity FROM pilothouse_fence WHERE one = 1";
    let row = first(conn, sql.to_owned()).await?;
    Ok(row.map(|row| Fence {
        epoch: as_number(text(&row, 0)),
        generation: as_number(text(&row, 1)),
        identity: text(&row, 2).unwrap_or_default().to_owned(),
    }))
}

/// The fence row, if it holds this epoch.
pub(super) async fn fence_of(conn: &mut SqliteConnection, epoch: u64) -> Result<Fence, CallError> {
    match fence(conn).await? {
        Some(fence) if fence.epoch == epoch => Ok(fence),
        Some(fence) => Err(fenced(epoch, fence.epoch)),
        None => Err(fenced(epoch, 0)),
    }
}

/// The registry row, if there is one.
pub(super) async fn registry(conn: &mut SqliteConnection) -> Result<Option<Registry>, CallError> {
    if !is_installed(conn).await? {
        return Ok(None);
    }
    let sql = "SELECT rollout, plan_digest, ended, authority, triggers_digest, schema_version \
               FROM pilothouse_registry WHERE one = 1";
    let Some(row) = first(conn, sql.to_owned()).await? else {
        return Ok(None);
    };
    let ended = match text(&row, 2) {
        None => None,
        Some(word) => Some(word.parse().map_err(|error| CallError {
            kind: ErrorKind::Refused,
            code: "sqlite/registry".into(),
            message: format!("the registry names the stop {word}: {error}"),
        })?),
    };
    Ok(Some(Registry {
        rollout: text(&row, 0).unwrap_or_default().to_owned(),
        plan_digest: text(&row, 1).unwrap_or_default().to_owned(),
        ended,
        authority: text(&row, 3).and_then(Authority::from_word),
        triggers_digest: text(&row, 4).map(str::to_owned),
        schema_version: as_number(text(&row, 5)),
    }))
}

/// Writes columns of the registry row.
pub(super) async fn write_registry(
    conn: &mut SqliteConnection,
    sets: String,
) -> Result<(), CallError> {
    run(
        conn,
        format!("UPDATE pilothouse_registry SET {sets} WHERE one = 1"),
    )
    .await
}

/// A stop as SQL.
pub(super) fn stop_literal(stop: Option<Stop>) -> String {
    stop.map_or("NULL".into(), |stop| quote_literal(&stop.to_string()))
}

/// Whether a step has left its done-mark.
pub(super) async fn has_mark(conn: &mut SqliteConnection, step: &str) -> Result<bool, CallError> {
    if !is_installed(conn).await? {
        return Ok(false);
    }
    let step = quote_literal(step);
    let sql = format!("SELECT 1 FROM pilothouse_step_done WHERE step = {step}");
    Ok(value(conn, sql).await?.is_some())
}

/// Leaves a step's done-mark.
pub(super) async fn mark(
    conn: &mut SqliteConnection,
    step: &str,
    epoch: u64,
) -> Result<(), CallError> {
    let step = quote_literal(step);
    run(
        conn,
        format!("INSERT OR REPLACE INTO pilothouse_step_done VALUES ({step}, {epoch})"),
    )
    .await
}

/// Takes a step's done-mark away.
pub(super) async fn unmark(conn: &mut SqliteConnection, step: &str) -> Result<(), CallError> {
    let step = quote_literal(step);
    run(
        conn,
        format!("DELETE FROM pilothouse_step_done WHERE step = {step}"),
    )
    .await
}

/// Forgets where a job stands.
pub(super) async fn void_job(conn: &mut SqliteConnection, job: &str) -> Result<(), CallError> {
    let job = quote_literal(job);
    run(
        conn,
        format!(
            "DELETE FROM pilothouse_checkpoint WHERE job = {job}; \
             DELETE FROM pilothouse_chunk_log WHERE job = {job};"
        ),
    )
    .await
}

/// Everything that was proved is void; gives the new generation.
pub(super) async fn void_all(conn: &mut SqliteConnection) -> Result<u64, CallError> {
    let statements = "UPDATE pilothouse_fence SET generation = generation + 1 WHERE one = 1; \
         DELETE FROM pilothouse_checkpoint; DELETE FROM pilothouse_chunk_log; \
         DELETE FROM pilothouse_receipts;";
    run(conn, statements.to_owned()).await?;
    let sql = "SELECT generation FROM pilothouse_fence WHERE one = 1";
    number(conn, sql.to_owned()).await
}

/// `PRAGMA schema_version`, as this transaction sees it.
pub(super) async fn schema_version(conn: &mut SqliteConnection) -> Result<u64, CallError> {
    number(conn, "PRAGMA schema_version".to_owned()).await
}
