//! Preflight: everything that can be known before anything is touched.
//!
//! Runs in one transaction that is always rolled back.

use super::connect::{self, Purpose};
use super::dialect::Form;
use super::sql;
use super::{Failure, Inner, expression};
use crate::base::Untrusted;
use crate::fleet::Endpoint;
use crate::migration::UserTriggers;
use crate::worker::{Check, CheckVerdict};
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// Oldest major version whose features the dialect uses (SQL function bodies,
/// `CREATE OR REPLACE TRIGGER`, `hash_record_extended`).
const VERSION_MIN: i64 = 140_000;

pub(super) fn finding(
    name: &str,
    verdict: CheckVerdict,
    value: impl Into<String>,
    limit: &str,
    remedy: &str,
) -> Check {
    Check {
        name: format!("preflight/{name}"),
        verdict,
        value: value.into(),
        limit: limit.into(),
        remedy: remedy.into(),
    }
}

pub(super) fn pass_or(bad: CheckVerdict, good: bool) -> CheckVerdict {
    if good { CheckVerdict::Pass } else { bad }
}

/// Runs every check; the transaction is rolled back whatever they find.
pub(super) async fn run(
    connection: &mut PgConnection,
    shard: &Inner,
) -> Result<Vec<Check>, Failure> {
    sql::run(connection, "BEGIN").await?;
    let checks = checks(connection, shard).await;
    sql::run(connection, "ROLLBACK").await?;
    let mut checks = checks?;
    checks.extend(replicas(shard).await);
    Ok(checks)
}

async fn checks(connection: &mut PgConnection, shard: &Inner) -> Result<Vec<Check>, Failure> {
    let mut out = server(connection).await?;
    out.push(deadlock(connection, shard).await?);
    out.extend(grants(connection).await?);
    for form in &shard.program().forms {
        out.extend(table(connection, shard, form).await?);
        out.extend(expression::checks(connection, form).await?);
    }
    out.extend(surroundings(connection, shard).await?);
    Ok(out)
}

async fn server(connection: &mut PgConnection) -> Result<Vec<Check>, Failure> {
    let statement =
        "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
        current_setting('default_transaction_read_only'), pg_backend_pid()::bigint,
        current_setting('lock_timeout'), current_setting('client_connection_check_interval'),
        current_setting('standard_conforming_strings'), current_setting('search_path')";
    let Some(row) = sql::row(connection, statement, vec![]).await? else {
        return Ok(Vec::new());
    };
    let version: i64 = row.try_get(0)?;
    let read_only: String = row.try_get(2)?;
    let pid: i64 = row.try_get(3)?;
    let again = sql::text(connection, "SELECT pg_backend_pid()::text", vec![]).await?;
    let settings: Vec<String> = (4..8)
        .map(|place| row.try_get::<String, _>(place))
        .collect::<Result<_, _>>()?;
    let ours = settings == ["1500ms", "1s", "on", "pg_catalog"];
    let direct = again == Some(pid.to_string()) && ours;
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
        finding(
            "direct_session",
            pass_or(CheckVerdict::Fail, direct),
            if direct {
                "one backend, our settings hold".into()
            } else {
                format!("settings read back as {}", settings.join(", "))
            },
            "a session of our own, not one behind a transaction pooler",
            "give the server's own address in candidates, not the pooler's",
        ),
    ])
}

/// Read anew: somebody may have changed it since the shard was opened.
async fn deadlock(connection: &mut PgConnection, shard: &Inner) -> Result<Check, Failure> {
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

async fn grants(connection: &mut PgConnection) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    let statement =
        "SELECT current_user::text, has_database_privilege(current_database(), 'CREATE'),
        has_database_privilege(current_database(), 'TEMP'), pg_has_role(session_user, 'pg_monitor', 'USAGE'),
        (SELECT bool_or(rolsuper) FROM pg_roles WHERE rolname IN (current_user, session_user)), session_user::text";
    let Some(row) = sql::row(connection, statement, vec![]).await? else {
        return Ok(out);
    };
    let user: String = row.try_get(0)?;
    let (create, temp, monitor, superuser): (bool, bool, bool, bool) = (
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
        row.try_get(4)?,
    );
    let shown = Untrusted::new(user);
    let login = Untrusted::new(row.try_get::<String, _>(5)?);
    out.push(finding(
        "grant_create",
        pass_or(CheckVerdict::Fail, create && temp),
        format!("role {shown} has CREATE: {create}, TEMP: {temp}"),
        "CREATE and TEMP on the database",
        &format!("GRANT CREATE, TEMP ON DATABASE … TO {shown} (the database of this shard)"),
    ));
    out.push(finding(
        "grant_monitor",
        pass_or(CheckVerdict::Fail, monitor),
        if monitor {
            "member of pg_monitor"
        } else {
            "not a member of pg_monitor"
        },
        "pg_monitor, to read the throttle signals",
        &format!("GRANT pg_monitor TO {login}"),
    ));
    out.push(finding(
        "grant_surplus",
        pass_or(CheckVerdict::Warn, !superuser),
        if superuser {
            format!("role {shown} is a superuser")
        } else {
            "no superuser".into()
        },
        "no more rights than needed",
        "use a role that is only a member of the tables' owner and of pg_monitor",
    ));
    Ok(out)
}

async fn table(
    connection: &mut PgConnection,
    shard: &Inner,
    form: &Form,
) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    let qualified = form.qualified();
    let owner = "SELECT pg_has_role(c.relowner, 'USAGE') OR coalesce((SELECT pg_has_role($2, c.relowner, 'USAGE')
        FROM pg_roles WHERE rolname = $2), false), c.relowner::regrole::text,
        pg_size_pretty(pg_total_relation_size(c.oid)), greatest(c.reltuples, 0)::bigint
        FROM pg_class c WHERE c.oid = to_regclass($1)";
    let role = shard.spec.ddl_role.as_ref().map_or("", |r| r.as_str());
    let values = vec![qualified.as_str().into(), role.into()];
    if let Some(row) = sql::row(connection, owner, values).await? {
        let owns: bool = row.try_get(0)?;
        let owner = Untrusted::new(row.try_get::<String, _>(1)?);
        out.push(finding(
            "grant_owner",
            pass_or(CheckVerdict::Fail, owns),
            format!("{qualified} belongs to {owner}"),
            "membership in the table's owner",
            &format!("GRANT {owner} TO the migrating role, or set ddl_role"),
        ));
        let size: String = row.try_get(2)?;
        out.push(finding(
            "size",
            CheckVerdict::Pass,
            format!(
                "{qualified}: {size}, about {} rows",
                row.try_get::<i64, _>(3)?
            ),
            "–",
            "–",
        ));
    }
    let keyed = !form.key.is_empty();
    out.push(finding(
        "usable_key",
        pass_or(CheckVerdict::Fail, keyed),
        if keyed {
            form.key_list()
        } else {
            format!("{qualified} has no usable key")
        },
        "a primary key, or a unique index over NOT NULL columns",
        &format!("add a primary key to {qualified}"),
    ));
    let made_by = made_by(connection, shard).await?;
    out.extend(columns(connection, form, made_by).await?);
    out.extend(triggers(shard, form));
    if made_by == MadeBy::Others {
        out.extend(leftovers(connection, form).await?);
    }
    Ok(out)
}

/// Whose objects are on the shard already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MadeBy {
    ThisRollout,
    Others,
}

async fn columns(
    connection: &mut PgConnection,
    form: &Form,
    made_by: MadeBy,
) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    let ours = made_by == MadeBy::ThisRollout;
    let qualified = form.qualified();
    for column in &form.columns {
        let there = "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped)::text";
        let values = vec![qualified.as_str().into(), column.name.as_str().into()];
        let taken = sql::text(connection, there, values).await?.as_deref() == Some("true");
        out.push(finding(
            "column_absent",
            pass_or(CheckVerdict::Fail, !taken || ours),
            format!(
                "{}: {}",
                column.name.as_str(),
                match (taken, ours) {
                    (true, true) => "is there already, made by this rollout",
                    (true, false) => "is there already",
                    (false, _) => "free",
                }
            ),
            "the new column is not there yet",
            "choose another name, or drop the column if it is a leftover",
        ));
    }
    Ok(out)
}

fn triggers(shard: &Inner, form: &Form) -> Vec<Check> {
    let found = shard
        .catalog
        .table(&form.table)
        .map(|t| t.triggers.as_slice())
        .unwrap_or_default();
    let names: Vec<String> = found
        .iter()
        .map(|(name, _)| Untrusted::new(name.as_str()).to_string())
        .collect();
    let allowed = shard.migration.user_triggers == UserTriggers::Fire;
    let after_ours: Vec<String> = found
        .iter()
        .filter(|(name, time)| {
            *time == super::dialect::TriggerTime::Before && *name > form.trigger()
        })
        .map(|(name, _)| Untrusted::new(name.as_str()).to_string())
        .collect();
    vec![
        finding(
            "user_triggers",
            if names.is_empty() {
                CheckVerdict::Pass
            } else {
                pass_or(CheckVerdict::Fail, allowed)
            },
            if names.is_empty() {
                "none".into()
            } else {
                format!("{}: {}", form.qualified(), names.join(", "))
            },
            "no row triggers that a backfill would fire, or user_triggers = \"fire\"",
            "say user_triggers = \"fire\" in the migration if they may fire for every row",
        ),
        finding(
            "trigger_order",
            pass_or(CheckVerdict::Fail, after_ours.is_empty()),
            if after_ours.is_empty() {
                "ours fires last".into()
            } else {
                after_ours.join(", ")
            },
            "no BEFORE row trigger whose name sorts after ours",
            "rename that trigger",
        ),
    ]
}

/// Whether this very rollout was here before: what stands is then no
/// leftover, but work that an engine with another journal has done.
async fn made_by(connection: &mut PgConnection, shard: &Inner) -> Result<MadeBy, Failure> {
    let there = "SELECT to_regclass('pilothouse.registry')::text";
    if sql::text(connection, there, vec![]).await?.is_none() {
        return Ok(MadeBy::Others);
    }
    let statement = "SELECT rollout FROM pilothouse.registry";
    let found = sql::text(connection, statement, vec![]).await?;
    Ok(if found.as_ref() == Some(&shard.rollout.id) {
        MadeBy::ThisRollout
    } else {
        MadeBy::Others
    })
}

async fn leftovers(connection: &mut PgConnection, form: &Form) -> Result<Vec<Check>, Failure> {
    let statement = "SELECT string_agg(name, ', ') FROM (
        SELECT 'trigger ' || tgname AS name FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname LIKE 'zzzz\\_pilothouse\\_%'
        UNION ALL SELECT 'constraint ' || conname FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname LIKE 'pilothouse\\_%') s";
    let found = sql::text(connection, statement, vec![form.qualified().into()]).await?;
    Ok(vec![finding(
        "leftovers",
        pass_or(CheckVerdict::Fail, found.is_none()),
        found.map_or_else(|| "none".to_owned(), |f| Untrusted::new(f).to_string()),
        "nothing left behind by an earlier rollout",
        "roll the earlier rollout back, or SELECT pilothouse.disarm() and drop what is named here",
    )])
}

async fn surroundings(connection: &mut PgConnection, shard: &Inner) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    let old =
        "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::bigint::text
        FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let seconds = sql::text(connection, old, vec![])
        .await?
        .and_then(|t| t.parse::<i64>().ok())
        .unwrap_or(0);
    out.push(finding(
        "long_transactions",
        pass_or(CheckVerdict::Warn, seconds < 300),
        format!("oldest {seconds} s"),
        "under 300 s",
        "end it before expand: DDL waits behind it and the application behind the DDL",
    ));
    for form in &shard.program().forms {
        let qualified = form.qualified();
        let published = "SELECT string_agg(p.pubname::text, ', ') FROM pg_publication p
            LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid
            WHERE p.puballtables OR r.prrelid = to_regclass($1)";
        let found = sql::text(connection, published, vec![qualified.as_str().into()]).await?;
        out.push(finding(
            "publications",
            pass_or(CheckVerdict::Warn, found.is_none()),
            found.map_or_else(|| "none".into(), |f| Untrusted::new(f).to_string()),
            "no logical subscriber that would see the new column unprepared",
            "add the column on the subscribers first",
        ));
        let stars = "SELECT string_agg(DISTINCT application_name, ', ') FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND query ~* ('(select\\s+\\*|copy\\s+[^(]*\\s+from).*' || $1)";
        let found = sql::text(connection, stars, vec![form.table.table.as_str().into()]).await?;
        out.push(finding(
            "select_star",
            pass_or(CheckVerdict::Warn, found.is_none()),
            found.map_or_else(|| "none seen".into(), |f| Untrusted::new(f).to_string()),
            "no client that reads * or copies without column names",
            "name the columns in that client",
        ));
    }
    Ok(out)
}

async fn replicas(shard: &Inner) -> Vec<Check> {
    let mut out = Vec::new();
    let pin = shard.pin().unwrap_or_default();
    for endpoint in &shard.spec.replicas {
        let Endpoint::Postgres(address) = endpoint else {
            continue;
        };
        let place = format!("{}:{}", address.host, address.port);
        let look = async {
            let mut connection = connect::open(address, &shard.identity, Purpose::Measure).await?;
            let statement = "SELECT pg_is_in_recovery()::text || ' ' || (SELECT system_identifier::text FROM pg_control_system())";
            Ok::<_, Failure>(sql::text(&mut connection, statement, vec![]).await?)
        };
        let (value, good) = match look.await {
            Ok(Some(text)) => {
                let (standby, system) = text.split_once(' ').unwrap_or(("", ""));
                let same = pin.split('/').next() == Some(system);
                // After a failover a replica of the file may be the primary.
                let here = place == shard.primary_place();
                let (what, good) = match (same, standby == "true" || here) {
                    (true, true) => ("streams this system", true),
                    (true, false) => ("is not in recovery, so it replicates nothing", false),
                    (false, _) => ("is another system", false),
                };
                (format!("{place}: {what}"), good)
            }
            Ok(None) => (format!("{place}: no answer"), false),
            Err(Failure(e)) => (format!("{place}: {}", Untrusted::new(e.message)), false),
        };
        out.push(finding(
            "replica",
            pass_or(CheckVerdict::Fail, good),
            value,
            "reachable, and a replica of this system",
            "correct replicas in the fleet file, or start the replica",
        ));
    }
    out
}
