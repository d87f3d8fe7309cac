//! Checks that stops make: preflight, snapshot, quiet, invariants, clients.

use super::error::own;
use super::sql;
use super::{Failure, Inner, client, preflight, role};
use crate::base::Untrusted;
use crate::migration::{ClientVersion, TableName};
use crate::worker::{Check, CheckVerdict, ErrorKind, Reply};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use std::time::Instant;

/// What the quiet check saw last, kept by the session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuietMemory {
    last: Option<(i64, Instant)>,
}

/// Runs one check.
pub(super) async fn check(
    connection: &mut PgConnection,
    shard: &Inner,
    id: &str,
    memory: QuietMemory,
) -> Result<(Reply, QuietMemory), Failure> {
    let checks = match id {
        "preflight" => {
            let mut checks = preflight::run(connection, shard).await?;
            checks.extend(client::roles(connection, shard).await?);
            checks.extend(client::checks(connection, shard, &[ClientVersion::Old]).await?);
            checks
        }
        "snapshot" => {
            let mut checks = vec![snapshot()];
            checks.extend(preflight::closed(connection, "snapshot").await?);
            checks
        }
        "invariants" => invariants(connection, shard).await?,
        "losses" => losses(connection, shard).await?,
        "writers" => vec![unlabelled(connection).await?],
        "quiet" => {
            let (found, memory) = quiet(connection, shard, memory).await?;
            return Ok((Reply::Checked(vec![found]), memory));
        }
        other => client::checks(connection, shard, client::versions(other)?).await?,
    };
    Ok((Reply::Checked(checks), memory))
}

fn snapshot() -> Check {
    Check {
        name: "snapshot/policy".into(),
        verdict: CheckVerdict::Pass,
        value: "no snapshot demanded".into(),
        limit: "as policy demands".into(),
        remedy: "–".into(),
    }
}

async fn invariants(connection: &mut PgConnection, shard: &Inner) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    for invariant in &shard.migration.invariants {
        // One snapshot, and nothing it calls can write.
        sql::run(
            connection,
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        )
        .await?;
        sql::run(connection, "SET LOCAL statement_timeout = 0").await?;
        sql::run(connection, "SET LOCAL search_path = public, pg_catalog").await?;
        let statement = format!("SELECT (({}))::boolean::text", invariant.sql);
        let found = sql::text(connection, &statement, vec![]).await;
        sql::end_look(connection, &found).await?;
        let (verdict, value) = match found {
            Ok(Some(text)) if text == "true" => (CheckVerdict::Pass, "true".to_owned()),
            Ok(Some(text)) => (CheckVerdict::Fail, text),
            Ok(None) => (CheckVerdict::Fail, "null: it cannot be told".to_owned()),
            Err(error) => (CheckVerdict::Fail, super::error::refusal(&error)?),
        };
        out.push(Check {
            name: format!("verify/invariant {}", invariant.name),
            verdict,
            value,
            limit: "true".into(),
            remedy: "find out which form is wrong before going on".into(),
        });
    }
    Ok(out)
}

/// Longest count of one kind of rows. It blocks nobody, but an old snapshot
/// keeps dead rows from being removed.
const COUNT_MAX: &str = "10min";

/// What a way back would lose: worth knowing before anybody promotes, and no
/// reason to fail.
async fn losses(connection: &mut PgConnection, shard: &Inner) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    for loss in &shard.program().losses {
        sql::run(connection, "BEGIN READ ONLY").await?;
        let limit = format!("SET LOCAL statement_timeout = '{COUNT_MAX}'");
        sql::run(connection, &limit).await?;
        let count = format!("SELECT ({})::text", loss.count);
        let found = sql::text(connection, &count, vec![]).await;
        sql::end_look(connection, &found).await?;
        let rows = Untrusted::new(&loss.rows).to_string();
        let (verdict, value) = match found {
            Ok(Some(n)) if n == "0" => (CheckVerdict::Pass, format!("no rows {rows}")),
            Ok(Some(n)) if n == "1" => (CheckVerdict::Warn, format!("1 row {rows}")),
            Ok(n) => (
                CheckVerdict::Warn,
                format!("{} rows {rows}", n.unwrap_or_default()),
            ),
            Err(error) => {
                let why = match is_late(&error) {
                    true => format!("it takes more than {COUNT_MAX}"),
                    false => super::error::refusal(&error)?,
                };
                (
                    CheckVerdict::Warn,
                    format!("not counted ({why}): rows {rows}"),
                )
            }
        };
        let name = "shift/losses";
        out.push(Check::new(name, verdict, value, "none is best", loss.fate));
    }
    Ok(out)
}

/// Who writes a table with two versions without belonging to one: what such a
/// session means by a NULL has to be guessed.
async fn unlabelled(connection: &mut PgConnection) -> Result<Check, Failure> {
    let noted = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END,
          (SELECT string_agg(w.who, ', ') FROM (
            SELECT format('%s as %s (%s)', coalesce(nullif(application_name, ''), 'a client without a name'),
              user_name, count(*)) AS who
            FROM pilothouse.unlabelled_writer GROUP BY application_name, user_name
            ORDER BY count(*) DESC, 1 LIMIT 10) w)
        FROM pilothouse.unlabelled_write_count";
    let row = sql::row(connection, noted, vec![]).await?;
    let row = row.ok_or_else(|| Failure(own(ErrorKind::Unknown, "writers", "no answer")))?;
    let (writes, who): (i64, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
    let value = match &who {
        None => "none so far".to_owned(),
        Some(who) => format!(
            "{writes} {} by sessions of no version: {}",
            if writes == 1 { "write" } else { "writes" },
            Untrusted::new(who)
        ),
    };
    let verdict = match who {
        None => CheckVerdict::Pass,
        Some(_) => CheckVerdict::Warn,
    };
    let remedy = "put a version's schema into their search_path, or let them set pilothouse.writer to 'old' or 'new'";
    Ok(Check::new(
        "shift/writers",
        verdict,
        value,
        "none is best",
        remedy,
    ))
}

/// Whether the time that the statement had was up.
fn is_late(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|e| e.code());
    code.is_some_and(|code| code == "57014")
}

/// How often a table that is to go was read and written, by the server's
/// statistics; 0 once it is put away.
async fn uses(connection: &mut PgConnection, table: &TableName) -> Result<i64, Failure> {
    let statement = "SELECT coalesce(sum(coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0) + s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)::bigint::text
        FROM pg_stat_all_tables s WHERE s.relid IN (SELECT to_regclass($1)
          UNION ALL SELECT relid FROM pg_partition_tree(to_regclass($1)))";
    let found = sql::text(connection, statement, vec![table.to_string().into()]).await?;
    Ok(found.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Old-form writers must have been silent for the policy's quiet period.
async fn quiet(
    connection: &mut PgConnection,
    shard: &Inner,
    memory: QuietMemory,
) -> Result<(Check, QuietMemory), Failure> {
    let found = role::old_form(connection, shard.identity.role.as_ref()).await?;
    sql::run(connection, "RESET ROLE").await?;
    let (written, mut writers) = found;
    let mut count = written;
    for table in &shard.program().leaving {
        let uses = uses(connection, table).await?;
        count = count.wrapping_add(uses);
        if !writers.is_empty() {
            writers.push_str(", ");
        }
        writers.push_str(&format!(
            "{}: {uses} uses so far",
            Untrusted::new(table.to_string())
        ));
    }
    let since = match memory.last {
        Some((last, since)) if last == count => since,
        _ => Instant::now(),
    };
    let quiet = since.elapsed();
    let good = quiet >= shard.quiet.duration();
    let who = if writers.is_empty() {
        "nobody connected"
    } else {
        &writers
    };
    let check = Check {
        name: "retire/quiet".into(),
        verdict: if good {
            CheckVerdict::Pass
        } else {
            CheckVerdict::Wait
        },
        value: format!("quiet for {} s; old-form writers: {who}", quiet.as_secs()),
        limit: match shard.program().leaving.is_empty() {
            true => format!("no old-form write for {}", shard.quiet),
            false => format!(
                "no old-form write and no use of a table that goes for {}",
                shard.quiet
            ),
        },
        remedy: "move these clients to the new form".into(),
    };
    Ok((
        check,
        QuietMemory {
            last: Some((count, since)),
        },
    ))
}
