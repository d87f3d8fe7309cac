//! The server, and our own way to it.

use super::{finding, pass_or};
use crate::base::quote_literal;
use crate::shard::postgres::connect::{self, Purpose};
use crate::shard::postgres::dialect::by_table;
use crate::shard::postgres::sql;
use crate::shard::postgres::{Failure, Inner};
use crate::worker::{Check, CheckVerdict};
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// Oldest major version whose features the dialect uses (SQL function bodies,
/// `CREATE OR REPLACE TRIGGER`, `hash_record_extended`).
const VERSION_MIN: i64 = 140_000;

/// Session settings as the server must show them: what a step relies on.
const SETTINGS: [(&str, &str); 9] = [
    ("lock_timeout", "1500ms"),
    ("statement_timeout", "1min"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("client_connection_check_interval", "1s"),
    ("standard_conforming_strings", "on"),
    ("search_path", "pg_catalog"),
    ("row_security", "off"),
    ("TimeZone", "UTC"),
    ("default_transaction_isolation", "read committed"),
];

/// Who answers, as every later connection is held to it.
pub(super) fn pinned(shard: &Inner) -> Vec<Check> {
    let known = shard.known();
    let pin = known.pin.unwrap_or_default();
    let (system, database) = pin.split_once('/').unwrap_or((&pin, ""));
    let value = format!(
        "{}: system {system}, database {database}, timeline {}",
        shard.primary_place(),
        known.timeline.unwrap_or_default()
    );
    vec![finding(
        "pinned",
        CheckVerdict::Pass,
        value,
        "the primary answers and says who it is",
        "–",
    )]
}

async fn backend(connection: &mut PgConnection) -> Result<String, Failure> {
    let pid = sql::text(connection, "SELECT pg_backend_pid()::text", vec![]).await?;
    Ok(pid.unwrap_or_default())
}

/// What two sessions of ours look like from the server's side: backend of the
/// first, of the second, of the first again.
fn told_by(backends: [&str; 3]) -> Option<&'static str> {
    match backends {
        [first, second, _] if first == second => Some("two sessions share one backend"),
        [first, _, again] if first != again => Some("the backend changes between statements"),
        _ => None,
    }
}

/// A session that a pooler hands from backend to backend would lose its
/// settings, and its locks could not be told from another's.
pub(super) async fn direct(
    connection: &mut PgConnection,
    shard: &Inner,
) -> Result<Vec<Check>, Failure> {
    let endpoint = shard.seen().primary.clone();
    let pooled = match endpoint {
        None => None,
        Some(endpoint) => {
            let mut second = connect::open(&endpoint, &shard.identity, Purpose::Step).await?;
            let first = backend(connection).await?;
            let other = backend(&mut second).await?;
            let again = backend(connection).await?;
            told_by([&first, &other, &again])
        }
    };
    let mut lost = Vec::new();
    for (name, wanted) in SETTINGS {
        let statement = format!("SELECT current_setting({})", quote_literal(name));
        let found = sql::text(connection, &statement, vec![]).await?;
        let found = found.unwrap_or_default();
        if found != wanted {
            lost.push(format!("{name} reads back as {found}, not {wanted}"));
        }
    }
    let problems: Vec<String> = pooled.map(str::to_owned).into_iter().chain(lost).collect();
    Ok(vec![finding(
        "direct_session",
        pass_or(CheckVerdict::Fail, problems.is_empty()),
        if problems.is_empty() {
            "a backend of our own, our settings hold".to_owned()
        } else {
            problems.join("; ")
        },
        "a session of our own, not one behind a transaction pooler",
        "give the server's own address in candidates, not the pooler's",
    )])
}

pub(super) async fn checks(connection: &mut PgConnection) -> Result<Vec<Check>, Failure> {
    let statement =
        "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
        current_setting('default_transaction_read_only')";
    let Some(row) = sql::row(connection, statement, vec![]).await? else {
        return Ok(Vec::new());
    };
    let version: i64 = row.try_get(0)?;
    let read_only: String = row.try_get(2)?;
    Ok(vec![
        finding(
            "version",
            pass_or(CheckVerdict::Fail, version >= VERSION_MIN),
            row.try_get::<String, _>(1)?,
            "PostgreSQL 14 or later",
            "upgrade the server",
        ),
        finding(
            "writable",
            pass_or(CheckVerdict::Fail, read_only == "off"),
            format!("default_transaction_read_only {read_only}"),
            "off",
            "switch default_transaction_read_only off for this role",
        ),
    ])
}

/// PostgreSQL does not show free disk space to SQL: without a limit that is
/// told, with one it cannot be kept and the throttle would never open.
pub(super) async fn disk(connection: &mut PgConnection, shard: &Inner) -> Result<Check, Failure> {
    let forms = by_table(&shard.program().forms);
    let names: Vec<String> = forms.map(|form| form.qualified()).collect();
    let size = "SELECT pg_size_pretty(coalesce(sum(pg_total_relation_size(to_regclass(name))), 0))
        FROM unnest($1::text[]) AS name";
    let size = sql::text(connection, size, vec![sql::Value::List(names)]).await?;
    let value = format!(
        "free disk space is not visible over SQL; the tables take {} now",
        size.unwrap_or_default()
    );
    Ok(match shard.fleet.disk_free_bytes_min {
        None => finding(
            "disk",
            CheckVerdict::Warn,
            value,
            "room for every row once more, its index entries and its WAL",
            "look at the server's disks, and watch them during backfill",
        ),
        Some(limit) => finding(
            "disk",
            CheckVerdict::Fail,
            value,
            &format!("disk_free_bytes {limit} in the fleet file"),
            "take disk_free_bytes out of [throttle] and watch the disks by other means",
        ),
    })
}

/// Read anew: somebody may have changed it since the shard was opened.
pub(super) async fn deadlock(
    connection: &mut PgConnection,
    shard: &Inner,
) -> Result<Check, Failure> {
    let deadlock_ms = connect::deadlock_ms(connection).await?;
    let target_ms = shard.migration.chunks.target.ms();
    let statement_ms = connect::chunk_statement_ms(target_ms, deadlock_ms);
    Ok(finding(
        "deadlock",
        pass_or(
            CheckVerdict::Warn,
            connect::chunk_fits(target_ms, deadlock_ms),
        ),
        format!(
            "deadlock_timeout {deadlock_ms} ms; a chunk may hold its rows for {statement_ms} ms and wait {} ms for a lock",
            connect::CHUNK_LOCK_MS
        ),
        "chunks are over before the application's deadlock check, so that it is never the victim",
        "a smaller chunks.target, or a larger deadlock_timeout on the server",
    ))
}

#[cfg(test)]
mod tests {
    use super::told_by;

    #[test]
    fn a_pooler_gives_itself_away() {
        assert_eq!(told_by(["1", "2", "1"]), None);
        assert!(told_by(["1", "1", "1"]).is_some());
        assert!(told_by(["1", "2", "3"]).is_some());
    }
}
