//! Reads what the file keeps of a rollout, for those who verify a journal.

use super::failure::{refused, sorted};
use super::statement::{Texts, as_number, rows, text, value};
use crate::base::{Digest, Stop, code};
use crate::journal::Head;
use crate::shard::{ShardRecord, Witness};
use crate::worker::CallError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use std::path::Path;

/// Opens the file once and reads; writes nothing.
///
/// # Errors
/// The file cannot be read, or its record cannot.
pub async fn read_record(path: &Path) -> Result<Option<ShardRecord>, CallError> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut conn = options.connect().await.map_err(|error| sorted(&error))?;
    let read = read(&mut conn).await;
    // What was read stands whether or not the file closes cleanly.
    let _closed = conn.close().await;
    read
}

async fn read(conn: &mut SqliteConnection) -> Result<Option<ShardRecord>, CallError> {
    let there = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'pilothouse_witness'";
    if value(conn, there.to_owned()).await?.is_none() {
        return Ok(None);
    }
    let registry =
        "SELECT rollout, plan_digest, begun, ended FROM pilothouse_registry WHERE one = 1";
    let Some(row) = rows(conn, registry.to_owned()).await?.into_iter().next() else {
        return Ok(None);
    };
    let mut record = ShardRecord {
        rollout: word(&row, 0),
        plan: word(&row, 1),
        begun: text(&row, 2).map(parse).transpose()?,
        ended: text(&row, 3).map(parse).transpose()?,
        witness: Vec::new(),
    };
    let witness =
        "SELECT seq, head, stop, epoch, approvals FROM pilothouse_witness ORDER BY seq, stop";
    for row in rows(conn, witness.to_owned()).await? {
        record.witness.push(Witness {
            head: Head {
                seq: as_number(text(&row, 0)),
                hash: parse::<Digest>(&word(&row, 1))?,
            },
            stop: parse::<Stop>(&word(&row, 2))?,
            epoch: as_number(text(&row, 3)),
            approvals: word(&row, 4)
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        });
    }
    Ok(Some(record))
}

fn word(row: &Texts, place: usize) -> String {
    text(row, place).unwrap_or_default().to_owned()
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, CallError> {
    text.parse().map_err(|_| {
        let message = format!("the file's record holds {text:?}, which pilothouse never writes");
        refused(code::RECORD_SPOILED, message)
    })
}
