//! Heartbeats: how far the files that follow a shard are behind.
//!
//! The protocol is the heartbeat table. We write the moment into the shard;
//! whoever keeps a follower carries that row over once everything that was
//! committed before it is replayed there. The age of the follower's heartbeat
//! is its lag, never less than the truth. Before the first take-over there is
//! no such table: nothing is written, and the lag is unknown.

use super::failure::sorted;
use super::file::Place;
use super::statement::{run, value};
use crate::shard::Measurement;
use crate::worker::{CallError, ErrorKind};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Mutex;

/// A heartbeat never queues for the write lock: work goes first, and a beat
/// that is left out only makes the lag look longer.
const BEAT_TIMEOUT: Duration = Duration::from_millis(20);

const READ: &str = "SELECT at_ms FROM pilothouse_heartbeat WHERE one = 1";

/// The connections that beat and listen, kept from poll to poll.
#[derive(Default)]
pub(super) struct Pulse {
    open: Mutex<BTreeMap<PathBuf, SqliteConnection>>,
}

/// What a connection is for.
#[derive(Clone, Copy)]
enum Use {
    Beat,
    Listen,
}

impl Pulse {
    /// Beats once and reads the lag of every follower; what cannot be read is
    /// a measurement without a value.
    pub(super) async fn take(&self, place: &Place) -> Vec<Measurement> {
        if place.replicas.is_empty() {
            return Vec::new();
        }
        let mut open = self.open.lock().await;
        // A beat that could not be written shows as lag, which is what it is.
        let _ = beat(&mut open, &place.path).await;
        let mut found = Vec::new();
        for path in &place.replicas {
            let at_ms = listen(&mut open, path).await.ok().flatten();
            found.push(Measurement {
                signal: "replica_lag_ms".into(),
                place: path.display().to_string(),
                value: at_ms.map(|at| now_ms().saturating_sub(at)),
            });
        }
        found
    }
}

async fn beat(
    open: &mut BTreeMap<PathBuf, SqliteConnection>,
    path: &Path,
) -> Result<(), CallError> {
    let mut conn = taken(open, path, Use::Beat).await?;
    let at = now_ms();
    let sql = format!("INSERT OR REPLACE INTO pilothouse_heartbeat (one, at_ms) VALUES (1, {at})");
    let done = run(&mut conn, sql).await;
    keep(open, path, conn, &done);
    done
}

async fn listen(
    open: &mut BTreeMap<PathBuf, SqliteConnection>,
    path: &Path,
) -> Result<Option<u64>, CallError> {
    let mut conn = taken(open, path, Use::Listen).await?;
    let found = value(&mut conn, READ.to_owned()).await;
    keep(open, path, conn, &found);
    Ok(found?.and_then(|text| text.parse().ok()))
}

/// Taken out for the time of the call, so that a poll that is dropped in the
/// middle leaves no connection in an unknown state behind.
async fn taken(
    open: &mut BTreeMap<PathBuf, SqliteConnection>,
    path: &Path,
    for_what: Use,
) -> Result<SqliteConnection, CallError> {
    if let Some(conn) = open.remove(path) {
        return Ok(conn);
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BEAT_TIMEOUT)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    let options = match for_what {
        // A lost beat is beaten again half a second later.
        Use::Beat => options.synchronous(SqliteSynchronous::Normal),
        Use::Listen => options.read_only(true),
    };
    options.connect().await.map_err(|error| sorted(&error))
}

fn keep<T>(
    open: &mut BTreeMap<PathBuf, SqliteConnection>,
    path: &Path,
    conn: SqliteConnection,
    done: &Result<T, CallError>,
) {
    let is_sound = match done {
        Ok(_) => true,
        Err(error) => error.kind == ErrorKind::Yielded,
    };
    if is_sound {
        open.insert(path.to_owned(), conn);
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
