//! Who waits for a lock, and for whom.

use super::connect::{self, Purpose};
use super::sql::{self, Value};
use super::{Failure, Inner};
use crate::base::{Ident, Untrusted};
use crate::migration::TableName;
use crate::wire::{LockParty, LockWait, Locks, words};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Row};
use std::time::{Duration, Instant};

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

/// Transactions of others that hold a lock on one of these tables and are open
/// for longer than we wait, the oldest first. Nothing is looked up by name as
/// the login role, which may not use the schema.
const IN_THE_WAY: &str = "SELECT a.pid, concat_ws(' ', a.usename, nullif(a.application_name, ''), a.state),
        coalesce(left(a.query, 200), ''),
        (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint,
        (extract(epoch FROM a.xact_start) * 1000000)::bigint
    FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.application_name NOT LIKE 'pilothouse/%'
      AND a.xact_start < clock_timestamp() - interval '1 second'
      AND EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
        WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.relation IN (
          SELECT c.oid FROM unnest($1::text[], $2::text[]) AS t(schema_name, table_name)
            JOIN pg_namespace n ON n.nspname = t.schema_name
            JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.table_name
          UNION SELECT p.relid FROM unnest($1::text[], $2::text[]) AS t(schema_name, table_name)
            JOIN pg_namespace n ON n.nspname = t.schema_name
            JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.table_name
            CROSS JOIN LATERAL pg_partition_tree(c.oid) p))
    ORDER BY a.xact_start LIMIT 5";

/// Whose locks a step of ours gives way to, as far as that can be told.
pub(super) async fn in_the_way(
    connection: &mut PgConnection,
    shard: &Inner,
) -> Result<Vec<LockParty>, Failure> {
    let operations = shard.migration.operations.iter();
    let tables: Vec<&TableName> = operations
        .flat_map(|o| o.table().into_iter().chain(o.referenced()))
        .collect();
    let names = |of: fn(&TableName) -> &Ident| {
        Value::List(tables.iter().map(|t| of(t).as_str().to_owned()).collect())
    };
    let values = vec![names(|t| &t.schema), names(|t| &t.table)];
    let rows = sql::rows(connection, IN_THE_WAY, values).await?;
    rows.iter().map(|row| party(row, [0, 1, 2, 3, 4])).collect()
}

/// The same for an error: `; in its way: …`, or nothing.
pub(super) async fn told(shard: &Inner) -> String {
    let look = async {
        let (candidates, known) = (&shard.spec.candidates, shard.known());
        let found = connect::primary(candidates, &shard.identity, Purpose::Measure, &known).await;
        in_the_way(&mut found?.connection, shard).await
    };
    let Ok(Ok(found)) = tokio::time::timeout(ANSWER, look).await else {
        return String::new();
    };
    let each = found.iter().map(|party| {
        let (who, open) = (Untrusted::new(&party.who), words::ms(party.open_ms));
        format!("{who} (pid {}), open {open}", party.pid)
    });
    match each.collect::<Vec<_>>().join("; ") {
        nobody if nobody.is_empty() => nobody,
        all => format!("; in its way: {all}"),
    }
}

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
    if let Some(since) = shard.gives_way_since() {
        seen.extend(between_tries(&mut found.connection, shard, since).await?);
    }
    // A clean goodbye; that it fails changes nothing of what was seen.
    let _ = found.connection.close().await;
    Ok(seen)
}

/// Between two tries nobody waits, and the one in the way is there all the same.
async fn between_tries(
    connection: &mut PgConnection,
    shard: &Inner,
    since: Instant,
) -> Result<Option<LockWait>, Failure> {
    let blockers = in_the_way(connection, shard).await?;
    Ok((!blockers.is_empty()).then(|| LockWait {
        waiter: LockParty {
            pid: 0,
            who: "pilothouse, which gives way and tries again".into(),
            query: String::new(),
            open_ms: 0,
            began_us: None,
        },
        waits_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
        blockers,
    }))
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
