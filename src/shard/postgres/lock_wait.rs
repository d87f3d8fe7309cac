//! Who waits for a lock, and for whom.

use super::connect::{self, Purpose};
use super::{Failure, Inner, sql};
use crate::wire::{LockParty, LockWait, Locks};
use sqlx::postgres::PgRow;
use sqlx::{Connection, Row};
use std::time::Duration;

/// A look that takes longer is given up.
const ANSWER: Duration = Duration::from_secs(2);

/// One row per pair of a waiter and one of its blockers. What other roles run
/// is only visible to members of `pg_monitor` (preflight says so).
const WAITS: &str = "SELECT w.pid, concat_ws(' ', w.usename, nullif(w.application_name, '')),
        coalesce(left(w.query, 200), ''),
        coalesce(extract(epoch FROM clock_timestamp() - w.xact_start) * 1000, 0)::bigint,
        coalesce(extract(epoch FROM clock_timestamp() - w.query_start) * 1000, 0)::bigint,
        b.blocker,
        coalesce(concat_ws(' ', a.usename, nullif(a.application_name, ''), a.state), 'prepared transaction'),
        coalesce(left(a.query, 200), ''),
        coalesce(extract(epoch FROM clock_timestamp() - a.xact_start) * 1000, 0)::bigint,
        (extract(epoch FROM w.xact_start) * 1000000)::bigint,
        CASE WHEN a.datname = current_database() THEN (extract(epoch FROM a.xact_start) * 1000000)::bigint END
    FROM (SELECT * FROM pg_stat_activity
          WHERE wait_event_type = 'Lock' AND datname = current_database()
          ORDER BY query_start, pid LIMIT 20) w
    CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS b(blocker)
    LEFT JOIN pg_stat_activity a ON a.pid = b.blocker AND a.pid <> 0
    ORDER BY w.query_start, w.pid, b.blocker";

/// Looks once, on a connection of its own.
pub(super) async fn look(shard: &Inner) -> Locks {
    match tokio::time::timeout(ANSWER, waits(shard)).await {
        Ok(Ok(seen)) => Locks::Seen(seen),
        Ok(Err(Failure(error))) => Locks::Unknown(error.to_string()),
        Err(_) => Locks::Unknown(format!("no answer within {} s", ANSWER.as_secs())),
    }
}

async fn waits(shard: &Inner) -> Result<Vec<LockWait>, Failure> {
    let (candidates, known) = (&shard.spec.candidates, shard.known());
    let mut found = connect::primary(candidates, &shard.identity, Purpose::Measure, &known).await?;
    let mut seen: Vec<LockWait> = Vec::new();
    for row in sql::rows(&mut found.connection, WAITS, vec![]).await? {
        let waiter = party(&row, [0, 1, 2, 3, 9])?;
        let blocker = party(&row, [5, 6, 7, 8, 10])?;
        let waits_ms = ms(&row, 4)?;
        match seen.last_mut().filter(|last| last.waiter.pid == waiter.pid) {
            Some(last) => last.blockers.push(blocker),
            None => seen.push(LockWait {
                waiter,
                waits_ms,
                blockers: vec![blocker],
            }),
        }
    }
    // A clean goodbye; that it fails changes nothing of what was seen.
    let _ = found.connection.close().await;
    Ok(seen)
}

fn party(row: &PgRow, [pid, who, query, open, began]: [usize; 5]) -> Result<LockParty, Failure> {
    Ok(LockParty {
        pid: row.try_get(pid)?,
        who: row.try_get(who)?,
        query: row.try_get(query)?,
        open_ms: ms(row, open)?,
        began_us: row.try_get(began)?,
    })
}

fn ms(row: &PgRow, column: usize) -> Result<u64, Failure> {
    let value: i64 = row.try_get(column)?;
    Ok(u64::try_from(value).unwrap_or(0))
}
