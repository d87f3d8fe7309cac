//! State snapshots: a cache of a fold, never the truth.
//!
//! Each carries a digest of its own. One that does not fit is ignored and
//! named; the journal alone is always enough to start.

use super::error::StoreError;
use super::reader::row_number;
use crate::base::Digest;
use crate::journal::Head;
use sqlx::sqlite::SqliteConnection;

/// How many entries lie between two snapshots.
pub const SNAPSHOT_EVERY: u64 = 10_000;

/// How many snapshots are kept: one to use and some to fall back to.
const KEPT: i64 = 3;

/// The state after an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last entry folded into it.
    pub seq: u64,
    /// The state, as its owner wrote it.
    pub state_json: String,
}

/// What [`latest`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshots {
    /// The newest sound one; without one, fold from the first entry.
    pub snapshot: Option<Snapshot>,
    /// Newer ones that cannot be used, newest first.
    pub ignored: Vec<IgnoredSnapshot>,
}

/// A snapshot that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state snapshot of entry {seq} was ignored: {why}; the entries were read instead")]
pub struct IgnoredSnapshot {
    /// The entry it claims to follow.
    pub seq: i64,
    /// Why it cannot be used.
    pub why: SnapshotFault,
}

/// Why a snapshot cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFault {
    /// The bytes changed.
    #[error("it does not have the digest it was saved with")]
    Digest,
    /// The journal ends before it.
    #[error("the journal ends before it")]
    BeyondHead,
}

fn digest(seq: i64, state: &[u8]) -> Digest {
    // The line feed keeps number and state apart.
    Digest::of("snapshot/1", &[seq.to_string().as_bytes(), b"\n", state])
}

pub(super) async fn save(
    connection: &mut SqliteConnection,
    snapshot: &Snapshot,
) -> Result<(), StoreError> {
    let failed = StoreError::database("save a state snapshot");
    let seq = row_number(snapshot.seq);
    sqlx::query("INSERT OR REPLACE INTO snapshot (seq, hash, state) VALUES (?, ?, ?)")
        .bind(seq)
        .bind(digest(seq, snapshot.state_json.as_bytes()).to_string())
        .bind(&snapshot.state_json)
        .execute(&mut *connection)
        .await
        .map_err(&failed)?;
    sqlx::query(
        "DELETE FROM snapshot WHERE seq NOT IN
            (SELECT seq FROM snapshot ORDER BY seq DESC LIMIT ?)",
    )
    .bind(KEPT)
    .execute(connection)
    .await
    .map_err(&failed)?;
    Ok(())
}

pub(super) async fn latest(
    connection: &mut SqliteConnection,
    end: Head,
) -> Result<Snapshots, StoreError> {
    let rows: Vec<(i64, String, Vec<u8>)> =
        sqlx::query_as("SELECT seq, hash, state FROM snapshot ORDER BY seq DESC")
            .fetch_all(connection)
            .await
            .map_err(StoreError::database("read the state snapshots"))?;
    let mut found = Snapshots::default();
    for (seq, hash, state) in rows {
        match judge(seq, &hash, state, end) {
            Ok(snapshot) => {
                found.snapshot = Some(snapshot);
                break;
            }
            Err(why) => found.ignored.push(IgnoredSnapshot { seq, why }),
        }
    }
    Ok(found)
}

fn judge(seq: i64, hash: &str, state: Vec<u8>, end: Head) -> Result<Snapshot, SnapshotFault> {
    if digest(seq, &state).to_string() != hash {
        return Err(SnapshotFault::Digest);
    }
    let state_json = String::from_utf8(state).map_err(|_| SnapshotFault::Digest)?;
    match u64::try_from(seq) {
        Ok(seq) if seq <= end.seq => Ok(Snapshot { seq, state_json }),
        _ => Err(SnapshotFault::BeyondHead),
    }
}
