//! What the shard itself knows: who owns it, what is finished, whether dual
//! write is intact.

use super::dialect::{Authority, MARK, NOTE, SILENT_PARTITION, UNNOTE, install};
use super::error::own;
use super::fence::{self, Durability};
use super::schema::{FENCE_KEY, FIRST_ROWS, INSTALL};
use super::sql::{self, Value};
use super::{Failure, Inner, int, long, receipt};
use crate::base::{Ident, Stop, code};
use crate::migration::TableName;
use crate::worker::{ErrorKind, Reply, RowJob, Sighting, Warrant};
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// Version of the tables in schema `pilothouse`.
const REGISTRY_VERSION: i64 = 1;

/// "The rollout was taken back: nothing of it is left on the tables."
const UNDONE: &str = "(begun IS NULL AND coalesce(ended, '') IN ('preflight', 'snapshot'))";

/// "Nothing of the rollout is on the tables yet, or any more."
pub(super) const IDLE: &str = "(coalesce(registry.begun, 'preflight') IN ('preflight', 'snapshot')
    AND coalesce(registry.ended, 'preflight') IN ('preflight', 'snapshot'))";

/// Looks, and writes nothing.
pub(super) async fn attach(connection: &mut PgConnection, shard: &Inner) -> Result<Reply, Failure> {
    let mut seen = Sighting {
        pin: shard.pin().unwrap_or_default(),
        ..Sighting::default()
    };
    seen.installed = sql::is_there(connection, "pilothouse.registry").await?;
    if !seen.installed {
        return Ok(Reply::Attached(seen));
    }
    let (epoch, fence) = fence::read(connection).await?;
    seen.epoch = epoch;
    seen.generation = fence.generation;
    // What another rollout has left nothing of is no concern of this one.
    let statement = format!(
        "SELECT rollout, ended, version FROM pilothouse.registry WHERE rollout = $1 OR NOT {UNDONE}"
    );
    let mine = vec![shard.rollout.id.as_str().into()];
    if let Some(row) = sql::row(connection, &statement, mine).await? {
        let version: i32 = row.try_get(2)?;
        if i64::from(version) > REGISTRY_VERSION {
            let message = format!(
                "schema pilothouse has version {version}, this program knows {REGISTRY_VERSION}"
            );
            return Err(Failure(own(
                ErrorKind::Refused,
                code::NEWER_TABLES,
                message,
            )));
        }
        seen.rollout = Some(row.try_get(0)?);
        seen.ended = row
            .try_get::<Option<String>, _>(1)?
            .and_then(|text| text.parse().ok());
    }
    seen.dual_write_broken = broken(connection, None).await?;
    Ok(Reply::Attached(seen))
}

/// Triggers that should be there and are not as we left them. The row
/// version of `pg_trigger` tells a trigger that was switched off and on
/// again, or dropped and made anew, from one that never was.
async fn broken(
    connection: &mut PgConnection,
    table: Option<&TableName>,
) -> Result<Option<String>, Failure> {
    let statement = format!("SELECT string_agg(format('%I.%I: %s', d.schema_name, d.table_name,
            CASE WHEN t.oid IS NULL THEN 'our trigger is missing'
                 WHEN t.tgenabled <> 'A' THEN 'our trigger is switched off'
                 WHEN {SILENT_PARTITION} THEN 'our trigger does not fire on a partition'
                 ELSE 'our trigger was touched' END), '; ')
        FROM pilothouse.dual_write d
        LEFT JOIN pg_trigger t ON t.tgrelid = to_regclass(format('%I.%I', d.schema_name, d.table_name))
            AND t.tgname = d.trigger_name
        WHERE (d.schema_name = $1 OR $1 IS NULL) AND (d.table_name = $2 OR $2 IS NULL)
          AND (t.oid IS NULL OR t.tgenabled <> 'A' OR {MARK} IS DISTINCT FROM d.trigger_xmin OR {SILENT_PARTITION})");
    let name = |name: Option<&Ident>| Value::Text(name.map(|n| n.as_str().to_owned()));
    let values = vec![
        name(table.map(|t| &t.schema)),
        name(table.map(|t| &t.table)),
    ];
    Ok(sql::text(connection, &statement, values).await?)
}

/// Nothing is finished and nothing is proved while dual write is not intact.
/// Looks like a lost connection to the worker: it will attach and find out.
async fn demand_intact(
    connection: &mut PgConnection,
    table: Option<&TableName>,
) -> Result<(), Failure> {
    match broken(connection, table).await? {
        None => Ok(()),
        Some(what) => Err(Failure(own(
            ErrorKind::Unknown,
            code::DUAL_WRITE_BROKEN,
            what,
        ))),
    }
}

/// As [`demand_intact`], for the table of one job. While a drop is undone, one
/// table after the other, another one's trigger is put back in its own turn.
pub(super) async fn demand_intact_of(
    connection: &mut PgConnection,
    shard: &Inner,
    job: &RowJob,
) -> Result<(), Failure> {
    let tag = job.id.split_once('/').map_or("", |(_, tag)| tag);
    let form = shard.program().forms.iter().find(|form| form.tag == tag);
    demand_intact(connection, form.map(|form| &form.table)).await
}

/// Installs our schema if it is missing and ends every older engine's rights.
pub(super) async fn take_over(
    connection: &mut PgConnection,
    shard: &Inner,
    known_epoch: u64,
) -> Result<Reply, Failure> {
    let installed = sql::is_there(connection, "pilothouse.registry").await?;
    if installed {
        // Before anybody's session is ended: it is our rollout's.
        demand_same_rollout(connection, shard).await?;
    }
    let left = long::end_others(connection).await?;
    sql::run(connection, "BEGIN").await?;
    long::exclude(connection, &left).await?;
    // Waiting here is bounded by one chunk: chunks hold the key shared and
    // the server queues us before later ones.
    let locked = "SELECT pg_advisory_xact_lock($1)";
    sql::execute(connection, locked, vec![Value::Int(FENCE_KEY)]).await?;
    for statement in INSTALL {
        sql::run(connection, statement).await?;
    }
    sql::run(connection, FIRST_ROWS).await?;
    register(connection, shard).await?;
    let bump = "UPDATE pilothouse.fence SET epoch = greatest(epoch, $1) + 1, engine = $2, taken_at = clock_timestamp() RETURNING epoch";
    let row = sql::row(
        connection,
        bump,
        vec![int(known_epoch), shard.identity.engine.as_str().into()],
    )
    .await?
    .ok_or_else(fence::gone)?;
    let epoch = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
    fence::commit(connection).await?;
    Ok(Reply::TakenOver { epoch })
}

async fn demand_same_rollout(connection: &mut PgConnection, shard: &Inner) -> Result<(), Failure> {
    let identity = &shard.rollout;
    let others =
        format!("SELECT rollout FROM pilothouse.registry WHERE rollout <> $1 AND NOT {UNDONE}");
    let found = sql::text(connection, &others, vec![identity.id.as_str().into()]).await?;
    match found {
        None => Ok(()),
        Some(other) => Err(not_ours(&other)),
    }
}

async fn register(connection: &mut PgConnection, shard: &Inner) -> Result<(), Failure> {
    let identity = &shard.rollout;
    demand_same_rollout(connection, shard).await?;
    clear(connection, &identity.id).await?;
    // As long as nothing is on the tables, they may have changed since.
    let statement = format!(
        "INSERT INTO pilothouse.registry
        (version, rollout, migration, plan_digest, shard_set_digest, catalog, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())
        ON CONFLICT (one) DO UPDATE SET catalog = excluded.catalog
          WHERE registry.rollout = excluded.rollout AND {IDLE}"
    );
    let values: Vec<Value> = vec![
        REGISTRY_VERSION.into(),
        identity.id.as_str().into(),
        shard.migration.name.as_str().into(),
        identity.plan_digest.to_string().into(),
        identity.shard_set_digest.to_string().into(),
        shard.catalog_text().into(),
    ];
    sql::execute(connection, &statement, values).await?;
    // Whatever the statements before it may have missed.
    let other = "SELECT rollout FROM pilothouse.registry WHERE rollout <> $1";
    match sql::text(connection, other, vec![identity.id.as_str().into()]).await? {
        None => Ok(()),
        Some(other) => Err(not_ours(&other)),
    }
}

fn not_ours(other: &str) -> Failure {
    let message = format!("the shard's registry belongs to rollout {other}");
    Failure(own(ErrorKind::Refused, code::NOT_OURS, message))
}

/// Makes room after a rollout that was taken back: its marks and checkpoints
/// would be taken for ours. What witnesses its journal stays.
async fn clear(connection: &mut PgConnection, mine: &str) -> Result<(), Failure> {
    let gone = format!(
        "DELETE FROM pilothouse.registry WHERE rollout <> $1 AND {UNDONE} RETURNING rollout"
    );
    if sql::text(connection, &gone, vec![mine.into()])
        .await?
        .is_none()
    {
        return Ok(());
    }
    for table in [
        "step_done",
        "checkpoint",
        "chunk_log",
        "receipts",
        "added_column",
        "old_writer",
        "unlabelled_writer",
    ] {
        sql::run(connection, &format!("DELETE FROM pilothouse.{table}")).await?;
    }
    Ok(())
}

/// Records that a stop begins. A fresh beginning voids what an earlier pass
/// through the same stop left behind.
pub(super) async fn begin_stop(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    stop: Stop,
    warrant: &Warrant,
) -> Result<Reply, Failure> {
    let fence = fence::begin(connection, epoch, Durability::Synchronous).await?;
    if !resumes(connection, shard, stop).await? {
        for job in shard.program().jobs_of(stop) {
            for statement in [
                "DELETE FROM pilothouse.checkpoint WHERE job = $1",
                "DELETE FROM pilothouse.chunk_log WHERE job = $1",
            ] {
                sql::execute(connection, statement, vec![job.as_str().into()]).await?;
            }
        }
        receipt::void(connection, stop).await?;
        let statement = "UPDATE pilothouse.registry SET begun = $1, changed_at = clock_timestamp()";
        sql::execute(connection, statement, vec![stop.to_string().into()]).await?;
    }
    receipt::witness(connection, shard, stop, warrant, epoch).await?;
    fence::commit(connection).await?;
    Ok(Reply::Done {
        generation: fence.generation,
    })
}

/// Whether this stop is taken up where it was left. Not if the shard has
/// fallen back behind the stop before it: then what an earlier pass left was
/// proved on ground that is gone.
async fn resumes(
    connection: &mut PgConnection,
    shard: &Inner,
    stop: Stop,
) -> Result<bool, Failure> {
    let statement = "SELECT begun, ended FROM pilothouse.registry";
    let Some(row) = sql::row(connection, statement, vec![]).await? else {
        return Ok(false);
    };
    let read = |text: Option<String>| text.and_then(|text| text.parse::<Stop>().ok());
    let (begun, ended) = (read(row.try_get(0)?), read(row.try_get(1)?));
    let before = shard.program().plan.plan.stops.range(..stop).next_back();
    // Preflight is not recorded on the shard.
    let before = before
        .map(|(stop, _)| *stop)
        .filter(|stop| *stop > Stop::Preflight);
    Ok(begun == Some(stop) && ended >= before)
}

/// Records that a stop is finished, and what proves it.
pub(super) async fn end_stop(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
    stop: Stop,
) -> Result<Reply, Failure> {
    let fence = fence::begin(connection, epoch, Durability::Synchronous).await?;
    if stop > Stop::DualWrite {
        // Before that a trigger may be left of an earlier pass: nobody mends
        // it there, and installing dual write puts it right.
        demand_intact(connection, None).await?;
    }
    receipt::write(connection, shard, stop, epoch, fence).await?;
    let statement = "UPDATE pilothouse.registry SET ended = $1, changed_at = clock_timestamp()";
    sql::execute(connection, statement, vec![stop.to_string().into()]).await?;
    let stops = &shard.program().plan.plan.stops;
    if stops
        .last_key_value()
        .is_some_and(|(last, _)| *last == stop)
    {
        sql::run(connection, NOTE).await?;
    }
    fence::commit(connection).await?;
    Ok(Reply::Done {
        generation: fence.generation,
    })
}

/// Records that a stop is undone.
pub(super) async fn end_undo(
    connection: &mut PgConnection,
    epoch: u64,
    undone: Stop,
    remains: Option<Stop>,
) -> Result<Reply, Failure> {
    let fence = fence::begin(connection, epoch, Durability::Synchronous).await?;
    let statement =
        "UPDATE pilothouse.registry SET ended = $1, begun = NULL, changed_at = clock_timestamp()";
    receipt::void(connection, undone).await?;
    sql::run(connection, UNNOTE).await?;
    let ended = Value::Text(remains.map(|stop| stop.to_string()));
    sql::execute(connection, statement, vec![ended]).await?;
    fence::commit(connection).await?;
    Ok(Reply::Done {
        generation: fence.generation,
    })
}

/// Puts dual write back as it should be and voids everything that was proved
/// while nobody knows whether it was on.
pub(super) async fn mend(
    connection: &mut PgConnection,
    shard: &Inner,
    epoch: u64,
) -> Result<Reply, Failure> {
    fence::begin(connection, epoch, Durability::Synchronous).await?;
    let program = shard.program();
    let statement = "SELECT schema_name, table_name, authority FROM pilothouse.dual_write";
    for row in sql::rows(connection, statement, vec![]).await? {
        let (schema, table, word): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let authority = [
            Authority::Old,
            Authority::Both,
            Authority::New,
            Authority::Restore,
        ]
        .into_iter()
        .find(|a| a.word() == word);
        let form = program
            .forms
            .iter()
            .find(|f| f.table.schema.as_str() == schema && f.table.table.as_str() == table);
        if let (Some(form), Some(authority)) = (form, authority) {
            let trigger = format!(
                "DROP TRIGGER IF EXISTS {} ON {}",
                form.trigger(),
                form.qualified()
            );
            sql::run(connection, &trigger).await?;
            let functions = program.functions.get(&form.tag).into_iter().flatten();
            let fresh = install(form, authority);
            for statement in functions.chain(&fresh) {
                sql::run(connection, statement).await?;
            }
        }
    }
    sql::run(connection, "DELETE FROM pilothouse.checkpoint").await?;
    sql::run(connection, "DELETE FROM pilothouse.chunk_log").await?;
    sql::run(connection, "DELETE FROM pilothouse.receipts").await?;
    let bump = "UPDATE pilothouse.fence SET generation = generation + 1 RETURNING generation";
    let row = sql::row(connection, bump, vec![])
        .await?
        .ok_or_else(fence::gone)?;
    let generation = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
    fall_back(connection).await?;
    fence::commit(connection).await?;
    Ok(Reply::Done { generation })
}

/// While the old form is the truth, filling and proving start again. What is
/// published (the first shift stop had begun) is undone as such.
async fn fall_back(connection: &mut PgConnection) -> Result<(), Failure> {
    let statement = "UPDATE pilothouse.registry SET begun = NULL,
        ended = CASE WHEN ended IN ('backfill', 'verify')
            AND NOT EXISTS (SELECT 1 FROM pilothouse.dual_write WHERE authority <> 'old')
          THEN 'dual_write' ELSE ended END,
        changed_at = clock_timestamp()";
    sql::run(connection, statement).await?;
    Ok(())
}
