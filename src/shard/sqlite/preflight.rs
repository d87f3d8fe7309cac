//! Everything that can be known before the first write. Reads one snapshot
//! and rolls back.

use super::catalog::{self, Table};
use super::dialect::lex;
use super::dialect::trigger::{differs, trigger_names};
use super::dialect::work::{Source, TableWork, Work};
use super::file::Place;
use super::statement::{number, rows, run, text, value};
use super::{drift, install, surroundings};
use crate::base::quote_literal;
use crate::migration::UserTriggers;
use crate::worker::{CallError, Check, CheckVerdict, ErrorKind};
use CheckVerdict::{Fail, Pass, Warn};
use sqlx::SqliteConnection;

/// Rows that `down(up(x)) = x` is tried on.
const ROUND_TRIP_ROWS: u32 = 100_000;

/// Whether the file can be written: takes the write lock and gives it back.
pub(super) async fn writable(conn: &mut SqliteConnection) -> Result<Check, CallError> {
    const NAME: &str = "preflight/writable";
    const REMEDY: &str = "give this user the right to write the file and its folder";
    match run(conn, "BEGIN IMMEDIATE".to_owned()).await {
        Ok(()) => {
            run(conn, "ROLLBACK".to_owned()).await?;
            Ok(Check::new(NAME, Pass, "writable", "writable", ""))
        }
        // Somebody else is writing, so it can be written.
        Err(error) if error.kind == ErrorKind::Yielded => Ok(Check::new(
            NAME,
            Pass,
            "busy with another writer",
            "writable",
            "",
        )),
        Err(error) if error.kind == ErrorKind::Refused => {
            Ok(Check::new(NAME, Fail, error.message, "writable", REMEDY))
        }
        Err(error) => Err(error),
    }
}

/// All other checks, in the caller's read transaction.
pub(super) async fn checks(
    conn: &mut SqliteConnection,
    place: &Place,
) -> Result<Vec<Check>, CallError> {
    let work = &place.compiled.work;
    let mut all = vec![version(conn).await?, journal_mode(conn).await?];
    all.push(leftovers(conn, place).await?);
    for table in &work.tables {
        let name = table.table.as_str();
        let Some(there) = catalog::table(conn, &table.table).await? else {
            all.push(Check::new(
                "preflight/table_exists",
                Fail,
                format!("there is no table {name}"),
                "an ordinary table of that name",
                "correct the name in the migration, or leave this shard out",
            ));
            continue;
        };
        all.push(Check::new(
            "preflight/table_exists",
            Pass,
            name,
            "an ordinary table",
            "",
        ));
        all.push(usable_key(table, &there));
        all.push(free_names(conn, table, &there).await?);
        all.extend(old_columns(conn, table, &there).await?);
        all.push(user_triggers(conn, work, table).await?);
        all.extend(expressions(conn, table).await?);
        all.extend(surroundings::generated(conn, table).await?);
        all.extend(round_trip(conn, table).await?);
    }
    all.extend(drift::checks(conn, place).await?);
    all.push(surroundings::disk(conn, place).await?);
    Ok(all)
}

async fn version(conn: &mut SqliteConnection) -> Result<Check, CallError> {
    let version = value(conn, "SELECT sqlite_version()".to_owned()).await?;
    let version = version.unwrap_or_default();
    let parts: Vec<u32> = version.split('.').filter_map(|p| p.parse().ok()).collect();
    let verdict = if parts.as_slice() >= [3, 35].as_slice() {
        Pass
    } else {
        Fail
    };
    let limit = "3.35 or newer (DROP COLUMN)";
    Ok(Check::new(
        "preflight/version",
        verdict,
        version,
        limit,
        "use a newer build",
    ))
}

async fn journal_mode(conn: &mut SqliteConnection) -> Result<Check, CallError> {
    let mode = value(conn, "PRAGMA journal_mode".to_owned()).await?;
    let mode = mode.unwrap_or_default();
    let verdict = if mode == "wal" { Pass } else { Warn };
    Ok(Check::new(
        "preflight/journal_mode",
        verdict,
        mode,
        "wal, so that readers go on while chunks are written",
        "PRAGMA journal_mode = WAL",
    ))
}

async fn leftovers(conn: &mut SqliteConnection, place: &Place) -> Result<Check, CallError> {
    const NAME: &str = "preflight/leftovers";
    let limit = "nothing of another rollout";
    if let Some(registry) = install::registry(conn).await? {
        let ours = registry.rollout == place.rollout.id;
        let verdict = if ours { Pass } else { Fail };
        let value = format!("registry of rollout {}", registry.rollout);
        let remedy = "finish or roll back that rollout, then pilothouse forget";
        return Ok(Check::new(NAME, verdict, value, limit, remedy));
    }
    let sql =
        "SELECT name FROM sqlite_schema WHERE name LIKE 'pilothouse\\_%' ESCAPE '\\' ORDER BY name";
    let names = rows(conn, sql.to_owned()).await?;
    let names: Vec<&str> = names.iter().filter_map(|row| text(row, 0)).collect();
    Ok(if names.is_empty() {
        Check::new(NAME, Pass, "none", limit, "")
    } else {
        let remedy = "look what made them; drop them by hand if nobody needs them";
        Check::new(NAME, Fail, names.join(", "), limit, remedy)
    })
}

fn usable_key(table: &TableWork, there: &Table) -> Check {
    const NAME: &str = "preflight/usable_key";
    let limit = "a primary key that is never NULL";
    match &there.no_key {
        None => Check::new(NAME, Pass, there.shape.key_list(), limit, ""),
        Some(why) => Check::new(
            NAME,
            Fail,
            format!("{}: {why}", table.table.as_str()),
            limit,
            "declare an INTEGER PRIMARY KEY, or NOT NULL on every key column",
        ),
    }
}

/// The new columns must not be there, but for those that we added ourselves.
async fn free_names(
    conn: &mut SqliteConnection,
    table: &TableWork,
    there: &Table,
) -> Result<Check, CallError> {
    let mut taken = Vec::new();
    for column in &table.columns {
        let id = format!(
            "expand/column/{}/{}",
            table.table.as_str(),
            column.name.as_str()
        );
        if there.shape.column(&column.name).is_some() && !install::has_mark(conn, &id).await? {
            taken.push(column.name.as_str());
        }
    }
    let limit = "no column of that name yet";
    Ok(if taken.is_empty() {
        Check::new("preflight/column_absent", Pass, "free", limit, "")
    } else {
        let remedy = "choose another name, or drop the column that is there";
        Check::new(
            "preflight/column_absent",
            Fail,
            taken.join(", "),
            limit,
            remedy,
        )
    })
}

/// What is replaced must be there, and such that it can be dropped one day.
async fn old_columns(
    conn: &mut SqliteConnection,
    table: &TableWork,
    there: &Table,
) -> Result<Vec<Check>, CallError> {
    const NAME: &str = "preflight/old_column_droppable";
    let mut checks = Vec::new();
    for old in table.down.keys() {
        let name = old.as_str();
        let Some(column) = there.shape.column(old) else {
            let limit = "the column that down gives a value to";
            checks.push(Check::new(
                NAME,
                Fail,
                format!("there is no column {name}"),
                limit,
                "correct down",
            ));
            continue;
        };
        let quoted = quote_literal(name);
        let of = quote_literal(table.table.as_str());
        let sql = format!(
            "SELECT l.name FROM pragma_index_list({of}) l JOIN pragma_index_info(l.name) i \
             WHERE i.name = {quoted} COLLATE NOCASE"
        );
        let index = value(conn, sql).await?;
        let sql = format!(
            "SELECT 1 FROM pragma_foreign_key_list({of}) WHERE \"from\" = {quoted} COLLATE NOCASE"
        );
        let foreign = value(conn, sql).await?;
        let why = match (column.key_place, index, foreign) {
            (1.., _, _) => Some(format!("{name} is part of the primary key")),
            (_, Some(index), _) => Some(format!("{name} is part of index {index}")),
            (_, _, Some(_)) => Some(format!("{name} is a foreign key")),
            _ => None,
        };
        let limit = "a column that ALTER TABLE DROP COLUMN takes";
        let remedy = "drop the index or key by a sql operation in the same migration";
        checks.push(match why {
            Some(why) => Check::new(NAME, Fail, why, limit, remedy),
            None => Check::new(NAME, Pass, name, limit, ""),
        });
        if column.not_null && column.default.is_none() {
            checks.push(Check::new(
                "preflight/old_column_optional",
                Warn,
                format!("{name} is NOT NULL without a default"),
                "a default, so that new clients can leave it out after the switch",
                "new clients must write it until it is dropped; a merge restore brings it back nullable",
            ));
        }
    }
    Ok(checks)
}

async fn user_triggers(
    conn: &mut SqliteConnection,
    work: &Work,
    table: &TableWork,
) -> Result<Check, CallError> {
    let ours = trigger_names(&table.table).map(|name| quote_literal(&name));
    let sql = format!(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = {} COLLATE NOCASE \
         AND name NOT IN ({}) ORDER BY name",
        quote_literal(table.table.as_str()),
        ours.join(", ")
    );
    let names = rows(conn, sql).await?;
    let names: Vec<&str> = names.iter().filter_map(|row| text(row, 0)).collect();
    let limit = "none, or user_triggers = \"fire\"";
    let verdict = match (names.is_empty(), work.user_triggers) {
        (true, _) => Pass,
        (false, UserTriggers::Fire) => Warn,
        (false, UserTriggers::Refuse) => Fail,
    };
    let value = if names.is_empty() {
        "none".to_owned()
    } else {
        format!("the backfill fires {}", names.join(", "))
    };
    let remedy = "read what they do to every row; then say user_triggers = \"fire\"";
    Ok(Check::new(
        "preflight/user_triggers",
        verdict,
        value,
        limit,
        remedy,
    ))
}

/// Whether the expressions mean something to this file, and the same thing
/// every time.
async fn expressions(
    conn: &mut SqliteConnection,
    table: &TableWork,
) -> Result<Vec<Check>, CallError> {
    let mut checks = Vec::new();
    for (place, expression) in table.expressions() {
        let source = if place.starts_with("up") {
            table.table.to_string()
        } else {
            with_new_columns(table)
        };
        let limit = "an expression over one row";
        match rows(conn, format!("EXPLAIN SELECT ({expression}) FROM {source}")).await {
            Ok(_) => checks.push(Check::new(
                "preflight/expression",
                Pass,
                place.clone(),
                limit,
                "",
            )),
            Err(error) if error.kind == ErrorKind::Refused => {
                let value = format!("{place}: {}", error.message);
                let remedy = "correct it in the migration file";
                checks.push(Check::new(
                    "preflight/expression",
                    Fail,
                    value,
                    limit,
                    remedy,
                ));
                continue;
            }
            Err(error) => return Err(error),
        }
        let once = table
            .columns
            .iter()
            .any(|c| c.source == Source::Once(expression.to_owned()));
        let volatile = lex::tokens(expression).map(|t| lex::volatile_parts(&t));
        let volatile = volatile.unwrap_or_default();
        let limit = "the same value for the same row, always and everywhere";
        checks.push(if volatile.is_empty() || once {
            Check::new("preflight/deterministic", Pass, place, limit, "")
        } else {
            let value = format!("{place}: {}", volatile.join(", "));
            let remedy = "leave that out, or say fill = \"once\"";
            Check::new("preflight/deterministic", Fail, value, limit, remedy)
        });
    }
    Ok(checks)
}

/// The table as it will be: with every kept column computed, the others NULL.
fn with_new_columns(table: &TableWork) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|c| match &c.source {
            Source::Kept(up) => format!("({up}) AS {}", c.name),
            Source::Once(_) | Source::Application => format!("{} AS {}", c.blank(), c.name),
        })
        .collect();
    format!(
        "(SELECT *, {} FROM {} LIMIT {ROUND_TRIP_ROWS})",
        columns.join(", "),
        table.table
    )
}

/// Counts the rows that `down(up(x))` does not bring back.
async fn round_trip(
    conn: &mut SqliteConnection,
    table: &TableWork,
) -> Result<Option<Check>, CallError> {
    if table.down.is_empty() || table.columns.iter().any(|c| c.kept().is_none()) {
        return Ok(None);
    }
    let lost: Vec<String> = table
        .down
        .iter()
        .map(|(old, down)| differs(old, down))
        .collect();
    let sql = format!(
        "SELECT count(*) FROM {} WHERE {}",
        with_new_columns(table),
        lost.join(" OR ")
    );
    let lost = match number(conn, sql).await {
        Ok(lost) => lost,
        // The expression check has said why.
        Err(error) if error.kind == ErrorKind::Refused => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(Check::new(
        "preflight/round_trip",
        if lost == 0 { Pass } else { Warn },
        format!(
            "{lost} of the first {ROUND_TRIP_ROWS} rows of {} lose something",
            table.table.as_str()
        ),
        "down(up(x)) = x",
        "these rows change their old form at their first write after the switch; the export keeps them",
    )))
}
