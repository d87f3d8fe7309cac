//! A file that follows a shard by replaying its change log.
//!
//! One step is one snapshot of the shard: its columns, its newest heartbeat
//! and the changes up to there. The heartbeat is carried over only once every
//! change that it covers is replayed, in the same transaction.

use super::tables::{self, Forms, failed};
use crate::lab::LabError;
use sqlx::{Connection as _, SqliteConnection};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Changes of one step.
const CHANGES_MAX: i64 = 5_000;
/// Between steps when nothing waits.
const IDLE: Duration = Duration::from_millis(100);

const NEWEST: &str = "SELECT coalesce(max(seq), 0) FROM source.change_log";
const REACHED: &str = "SELECT seq FROM main.replayed WHERE one = 1";
const SOURCE_COLUMNS: &str = "SELECT name FROM pragma_table_info('account', 'source')";
const OWN_COLUMNS: &str = "SELECT name FROM pragma_table_info('account', 'main')";
const HAS_HEARTBEAT: &str = "SELECT count(*) FROM source.sqlite_schema \
     WHERE type = 'table' AND name = 'pilothouse_heartbeat'";
const CARRY_HEARTBEAT: &str = "INSERT OR REPLACE INTO main.pilothouse_heartbeat (one, at_ms) \
     SELECT one, at_ms FROM source.pilothouse_heartbeat";
const DELETE_GONE: &str = "DELETE FROM main.account \
     WHERE id IN (SELECT id FROM source.change_log WHERE seq > ?1 AND seq <= ?2) \
     AND NOT EXISTS (SELECT 1 FROM source.account s WHERE s.id = main.account.id)";
const NOTE: &str = "UPDATE main.replayed SET seq = ?1 WHERE one = 1";

/// Copies the rows of a stretch of the log, with the columns there are.
const fn copy_sql(forms: Forms) -> &'static str {
    match forms {
        Forms::Old => {
            "INSERT OR REPLACE INTO main.account (id, owner, balance) \
             SELECT id, owner, balance FROM source.account WHERE id IN \
             (SELECT id FROM source.change_log WHERE seq > ?1 AND seq <= ?2)"
        }
        Forms::Both => {
            "INSERT OR REPLACE INTO main.account (id, owner, balance, balance_cents) \
             SELECT id, owner, balance, balance_cents FROM source.account WHERE id IN \
             (SELECT id FROM source.change_log WHERE seq > ?1 AND seq <= ?2)"
        }
        Forms::New => {
            "INSERT OR REPLACE INTO main.account (id, owner, balance_cents) \
             SELECT id, owner, balance_cents FROM source.account WHERE id IN \
             (SELECT id FROM source.change_log WHERE seq > ?1 AND seq <= ?2)"
        }
    }
}

/// What a follower is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Replay,
    Wait,
    End,
}

/// A running follower. Dropping it stops it where it is.
pub struct Follower {
    told: watch::Sender<Told>,
    source: PathBuf,
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Follower {
    /// Starts following. Needs a tokio runtime.
    pub fn start(source: PathBuf, path: PathBuf) -> Self {
        let (told, heard) = watch::channel(Told::Replay);
        let task = tokio::spawn(follow(source.clone(), path.clone(), heard));
        Self {
            told,
            source,
            path,
            task,
        }
    }

    /// Stops replaying; what the shard does meanwhile is lag.
    pub fn stop_replaying(&self) {
        self.told.send_replace(Told::Wait);
    }

    /// Goes on where it stopped.
    pub fn replay(&self) {
        self.told.send_replace(Told::Replay);
    }

    /// Replays what is left, and ends. Nobody may write to the shard any more.
    pub async fn catch_up(mut self) -> Result<(), LabError> {
        // Between two steps: an aborted one could still commit behind us.
        self.told.send_replace(Told::End);
        let _ = (&mut self.task).await;
        let opened = open(&self.source, &self.path).await;
        let mut conn = opened.map_err(failed("follow", &self.path))?;
        loop {
            let step = step(&mut conn).await;
            if step.map_err(failed("replay", &self.path))? == Step::All {
                break;
            }
        }
        conn.close().await.map_err(failed("close", &self.path))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Everything of the snapshot is replayed.
    All,
    /// More waits.
    More,
}

/// Follows until it is told to end. A step that fails is tried again: a follower
/// that gave up would look like one that lags for ever.
async fn follow(source: PathBuf, path: PathBuf, mut heard: watch::Receiver<Told>) {
    let mut conn = None;
    loop {
        let told = match heard.wait_for(|told| *told != Told::Wait).await {
            Ok(told) => *told,
            Err(_) => return,
        };
        if told == Told::End {
            return;
        }
        if conn.is_none() {
            conn = open(&source, &path).await.ok();
        }
        let Some(open) = &mut conn else {
            tokio::time::sleep(IDLE).await;
            continue;
        };
        match step(open).await {
            Ok(Step::More) => {}
            Ok(Step::All) => tokio::time::sleep(IDLE).await,
            Err(_) => {
                conn = None;
                tokio::time::sleep(IDLE).await;
            }
        }
    }
}

async fn open(source: &Path, path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let mut conn = tables::connect(path).await?;
    let source = source.to_string_lossy().into_owned();
    sqlx::query("ATTACH ?1 AS source")
        .bind(source)
        .execute(&mut conn)
        .await?;
    Ok(conn)
}

async fn step(conn: &mut SqliteConnection) -> Result<Step, sqlx::Error> {
    // Deferred: the shard is only read, and must never wait for us.
    tables::run(conn, "BEGIN").await?;
    let done = replay(conn).await;
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    tables::run(conn, end).await?;
    done
}

async fn replay(conn: &mut SqliteConnection) -> Result<Step, sqlx::Error> {
    // The first read fixes the snapshot for everything below.
    let newest = tables::number(conn, NEWEST).await?.unwrap_or(0);
    let reached = tables::number(conn, REACHED).await?.unwrap_or(0);
    let Some(forms) = adopt_columns(conn).await? else {
        return Ok(Step::All);
    };
    let upto = newest.min(reached + CHANGES_MAX);
    if upto > reached {
        for sql in [DELETE_GONE, copy_sql(forms)] {
            let query = sqlx::query(sql).bind(reached).bind(upto);
            query.execute(&mut *conn).await?;
        }
        sqlx::query(NOTE).bind(upto).execute(&mut *conn).await?;
    }
    if upto < newest {
        return Ok(Step::More);
    }
    if tables::number(conn, HAS_HEARTBEAT).await? == Some(1) {
        tables::run(conn, CARRY_HEARTBEAT).await?;
    }
    Ok(Step::All)
}

/// Changes of columns are not in the log: they are seen and followed.
async fn adopt_columns(conn: &mut SqliteConnection) -> Result<Option<Forms>, sqlx::Error> {
    let wanted = Forms::of(&tables::texts(conn, SOURCE_COLUMNS).await?);
    let have = Forms::of(&tables::texts(conn, OWN_COLUMNS).await?);
    let (Some(wanted), Some(have)) = (wanted, have) else {
        return Ok(None);
    };
    let changes = [
        (
            wanted.has_new() && !have.has_new(),
            "ALTER TABLE main.account ADD COLUMN balance_cents INTEGER NOT NULL DEFAULT 0",
        ),
        (
            wanted.has_old() && !have.has_old(),
            "ALTER TABLE main.account ADD COLUMN balance INTEGER NOT NULL DEFAULT 0",
        ),
        (
            !wanted.has_new() && have.has_new(),
            "ALTER TABLE main.account DROP COLUMN balance_cents",
        ),
        (
            !wanted.has_old() && have.has_old(),
            "ALTER TABLE main.account DROP COLUMN balance",
        ),
    ];
    for (_, sql) in changes.into_iter().filter(|(needed, _)| *needed) {
        tables::run(conn, sql).await?;
    }
    Ok(Some(wanted))
}
