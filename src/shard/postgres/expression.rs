//! What the expressions of a migration are worth on this shard: whether they
//! have the right type, what their value depends on, and what a way there and
//! back makes of real rows.
//!
//! Every function made here is temporary; the caller rolls back.

use super::Failure;
use super::dialect::{Form, Impossible, Mapping, NewColumn, Volatility};
use super::preflight::{finding, pass_or};
use super::sql;
use crate::base::{Ident, Untrusted, quote_literal};
use crate::migration::Fill;
use crate::worker::{Check, CheckVerdict};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgDatabaseError, PgRow};
use std::collections::{BTreeMap, BTreeSet};

/// Functions that are STABLE by name but differ from one moment, session or
/// user to the next.
const MOMENTARY: &str = "'now', 'transaction_timestamp', 'statement_timestamp', 'current_setting', \
    'current_user', 'session_user', 'txid_current', 'pg_current_xact_id', 'inet_client_addr', \
    'inet_client_port', 'pg_backend_pid', 'timeofday', 'clock_timestamp', 'random', 'gen_random_uuid'";

/// Rows on which the way there and back is tried.
const SAMPLE_ROWS: u32 = 10_000;

/// What is known of every expression by its function's name.
type Volatilities = BTreeMap<String, Volatility>;

/// Runs something that may fail without losing the transaction.
pub(super) async fn attempt(
    connection: &mut PgConnection,
    statements: &[String],
) -> Result<Option<PgRow>, String> {
    let outcome = async {
        sql::run(connection, "SAVEPOINT attempt").await?;
        let mut last = Ok(None);
        for statement in statements {
            last = sql::row(connection, statement, vec![]).await;
            if last.is_err() {
                sql::run(connection, "ROLLBACK TO SAVEPOINT attempt").await?;
                break;
            }
        }
        last
    };
    outcome.await.map_err(|error: sqlx::Error| {
        let detail = error
            .as_database_error()
            .and_then(|e| e.try_downcast_ref::<PgDatabaseError>())
            .and_then(PgDatabaseError::detail);
        let message = super::error::plain(&error);
        let whole = match detail {
            Some(detail) => format!("{message} ({})", detail.trim_end_matches('.')),
            None => message,
        };
        Untrusted::new(whole).to_string()
    })
}

/// Creates an expression as a temporary function, as it will be created.
async fn try_create(connection: &mut PgConnection, mapping: &Mapping) -> Result<(), String> {
    let statements = [
        mapping.create_plain("pg_temp"),
        mapping.create("pg_temp", Volatility::Volatile),
    ];
    attempt(connection, &statements).await.map(|_| ())
}

/// What a created function depends on, by its parsed body: the functions and
/// operators named in it. A conversion through text counts as STABLE.
async fn volatility_of(
    connection: &mut PgConnection,
    mapping: &Mapping,
) -> Result<(Volatility, Option<String>), Failure> {
    let statement = format!(
        "WITH body AS (SELECT prosqlbody::text AS tree FROM pg_proc
              WHERE proname = {} AND pronamespace = pg_my_temp_schema()),
          used AS (
            SELECT (regexp_matches(tree, ':funcid (\\d+)', 'g'))[1]::oid AS oid FROM body
            UNION SELECT o.oprcode FROM body, LATERAL regexp_matches(tree, ':opno (\\d+)', 'g') AS m(n)
              JOIN pg_operator o ON o.oid = m.n[1]::oid)
         SELECT coalesce(max(CASE p.provolatile WHEN 'v' THEN 2 WHEN 's' THEN 1 ELSE 0 END), 0)::bigint,
            (SELECT tree ~ 'COERCEVIAIO' FROM body), (SELECT tree ~ 'SQLVALUEFUNCTION|NEXTVALUEEXPR|SUBLINK' FROM body),
            string_agg(p.proname::text, ', ') FILTER (WHERE p.provolatile = 'v' OR p.proname IN ({MOMENTARY}))
         FROM used u JOIN pg_proc p ON p.oid = u.oid",
        quote_literal(&mapping.function)
    );
    let Some(row) = sql::row(connection, &statement, vec![]).await? else {
        return Ok((Volatility::Volatile, None));
    };
    let level: i64 = row.try_get(0)?;
    let through_text: bool = row.try_get::<Option<bool>, _>(1)?.unwrap_or(true);
    let momentary: bool = row.try_get::<Option<bool>, _>(2)?.unwrap_or(true);
    let named: Option<String> = row.try_get(3)?;
    if momentary || named.is_some() || level == 2 {
        let what = named.map_or_else(
            || "the current time or user, or a sequence".into(),
            |names| Untrusted::new(names).to_string(),
        );
        return Ok((Volatility::Volatile, Some(what)));
    }
    let level = if level == 1 || through_text {
        Volatility::Stable
    } else {
        Volatility::Immutable
    };
    Ok((level, None))
}

fn mappings(form: &Form) -> impl Iterator<Item = (&Mapping, Fill)> {
    let ups = form.ruled().map(|(column, up)| (up, column.fill));
    let leaving = form
        .leaving
        .iter()
        .filter_map(|leaving| leaving.down.as_ref());
    ups.chain(form.replaced().map(|(_, _, down)| (down, Fill::Always)))
        .chain(leaving.map(|down| (down, Fill::Once)))
}

/// What is known of every expression, and what is wrong with them.
pub(super) async fn study(
    connection: &mut PgConnection,
    forms: &[Form],
) -> (Volatilities, Vec<Impossible>) {
    let (mut known, mut mistakes) = (Volatilities::new(), Vec::new());
    if sql::run(connection, "BEGIN").await.is_err() {
        return (known, mistakes);
    }
    for (mapping, fill) in forms.iter().flat_map(mappings) {
        match judge(connection, mapping, fill).await {
            Ok(level) => {
                known.insert(mapping.function.clone(), level);
            }
            Err(mistake) => mistakes.extend(mistake),
        }
    }
    for form in forms {
        for column in form.columns.iter().filter(|c| c.becomes.is_some()) {
            mistakes.extend(misfit_default(connection, form, column).await);
        }
    }
    // Whatever happens to the rollback, the connection is dropped after this.
    let _ = sql::run(connection, "ROLLBACK").await;
    (known, mistakes)
}

/// The default of a column that gets another type must fit that type.
async fn misfit_default(
    connection: &mut PgConnection,
    form: &Form,
    column: &NewColumn,
) -> Option<Impossible> {
    let default = column.default.as_ref()?;
    let statements = [
        format!(
            "SET LOCAL search_path = {}, public, pg_temp",
            form.table.schema
        ),
        format!(
            "CREATE TEMP TABLE pilothouse_try (c {} DEFAULT {default})",
            column.sql_type
        ),
        "DROP TABLE pg_temp.pilothouse_try".to_owned(),
        "SET LOCAL search_path = pg_catalog".to_owned(),
    ];
    let message = attempt(connection, &statements).await.err()?;
    // A right that is missing is no mistake of the migration.
    if message.contains("permission denied") {
        return None;
    }
    let up = column.up.as_ref().map_or("", |up| up.key.as_str());
    Some(Impossible {
        key: up.trim_end_matches(".up").to_owned() + ".default",
        what: format!(
            "the default of {} does not fit its new type: {message}",
            column.shown()
        ),
        remedy: "say default, or drop_default, for the new form".into(),
    })
}

/// One expression. An error without a mistake: it could not be judged, and
/// preflight will say why.
async fn judge(
    connection: &mut PgConnection,
    mapping: &Mapping,
    fill: Fill,
) -> Result<Volatility, Option<Impossible>> {
    let mistake = |what: String, remedy: &str| {
        Some(Impossible {
            key: mapping.key.clone(),
            what,
            remedy: remedy.to_owned(),
        })
    };
    if let Err(message) = try_create(connection, mapping).await {
        // A right that is missing is no mistake of the migration.
        if message.contains("permission denied") {
            return Err(None);
        }
        let kind = &mapping.result_type;
        return Err(mistake(
            format!("the expression does not fit: {message}"),
            &format!(
                "write an expression of type {kind} over the table's columns; a function outside pg_catalog needs its schema in front"
            ),
        ));
    }
    match volatility_of(connection, mapping).await {
        Ok((Volatility::Volatile, what)) if fill == Fill::Always => Err(mistake(
            format!(
                "the expression gives another value each time: it uses {}",
                what.unwrap_or_else(|| "a volatile function".into())
            ),
            "use an expression over the row only; in up also fill = \"once\" is possible",
        )),
        Ok((level, _)) => Ok(level),
        Err(_) => Err(None),
    }
}

/// The checks of preflight.
pub(super) async fn checks(
    connection: &mut PgConnection,
    form: &Form,
) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    for (mapping, fill) in mappings(form) {
        let (key, text) = (&mapping.key, &mapping.expression);
        if let Err(message) = try_create(connection, mapping).await {
            out.push(finding(
                "expression",
                CheckVerdict::Fail,
                format!("{key} = `{text}`: {message}"),
                &format!("an expression of type {}", mapping.result_type),
                "correct the expression in the migration",
            ));
            return Ok(out);
        }
        let (level, what) = volatility_of(connection, mapping).await?;
        let good = level < Volatility::Volatile || fill == Fill::Once;
        out.push(finding(
            "deterministic",
            pass_or(CheckVerdict::Fail, good),
            match what {
                Some(what) => format!("{key} = `{text}` uses {what}"),
                None => format!("{key} = `{text}` is {}", level.plain()),
            },
            "the same value for the same row, at any time, in any session",
            "use a deterministic expression, or fill = \"once\"",
        ));
    }
    let comparable = comparable(connection, form).await;
    let usable = comparable.iter().all(|c| c.verdict == CheckVerdict::Pass);
    out.extend(comparable);
    if usable {
        out.extend(round_trip(connection, form).await?);
    }
    Ok(out)
}

/// Dual write asks whether a value is the same, verify hashes it: a type that
/// cannot do both would stop the rollout half-way.
async fn comparable(connection: &mut PgConnection, form: &Form) -> Vec<Check> {
    let mut out = Vec::new();
    let news = form
        .ruled()
        .map(|(column, _)| (&column.name, &column.sql_type));
    let olds = form
        .replaced()
        .map(|(_, old, _)| (&old.name, &old.sql_type));
    let keys = form.key.iter().map(|key| (&key.name, &key.sql_type));
    for (name, sql_type) in news.chain(olds).chain(keys) {
        let statement = format!(
            "SELECT NULL::{sql_type} IS DISTINCT FROM NULL::{sql_type}, hash_record_extended(ROW(NULL::{sql_type}), 1)"
        );
        let tried = attempt(connection, &[statement]).await;
        out.push(finding(
            "comparable",
            pass_or(CheckVerdict::Fail, tried.is_ok()),
            match tried {
                Ok(_) => format!("{}: {sql_type}", name.as_str()),
                Err(message) => format!("{}: {message}", name.as_str()),
            },
            "a type whose values can be compared and hashed",
            "use a type of the server's own that has equality and a hash: jsonb, not json; types of extensions have their operators elsewhere, and are not looked for",
        ));
    }
    out
}

/// `down(up(x)) = x` on real rows: what breaks it is lost on a way back.
async fn round_trip(connection: &mut PgConnection, form: &Form) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    let ruled: Vec<_> = form
        .ruled()
        .filter(|(column, _)| column.fill == Fill::Always)
        .collect();
    let made: Vec<String> = ruled
        .iter()
        .map(|(column, up)| {
            let value = up.call_in("pg_temp", "t");
            format!("{value}::{} AS {}", column.sql_type, column.name)
        })
        .collect();
    let read = old_columns_read(form);
    let there = |made: &[String]| {
        let (table, rows) = (form.qualified(), SAMPLE_ROWS);
        let columns: Vec<&str> = read.iter().chain(made).map(String::as_str).collect();
        let columns = columns.join(", ");
        format!("(SELECT {columns} FROM {table} AS t LIMIT {rows}) AS s")
    };
    for ((column, up), made) in ruled.iter().zip(&made) {
        let statement = format!(
            "SELECT count(s.{}) FROM {}",
            column.name,
            there(std::slice::from_ref(made))
        );
        if let Err(message) = attempt(connection, &[statement]).await {
            // A right that is missing is told by its own check.
            if message.contains("permission denied") {
                return Ok(Vec::new());
            }
            out.push(fails(&up.key, &message));
        }
    }
    if !out.is_empty() || made.is_empty() {
        return Ok(out);
    }
    for (_, old, down) in form.replaced() {
        let statement = format!(
            "SELECT count(*), count(*) FILTER (WHERE s.{} IS DISTINCT FROM {}::{}) FROM {}",
            old.name,
            down.call_in("pg_temp", "s"),
            old.sql_type,
            there(&made)
        );
        let row = match attempt(connection, &[statement]).await {
            Ok(Some(row)) => row,
            Ok(None) => continue,
            Err(message) => {
                out.push(fails(&down.key, &message));
                continue;
            }
        };
        let (rows, broken): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        out.push(finding(
            "round_trip",
            pass_or(CheckVerdict::Warn, broken == 0),
            format!(
                "{}: {broken} of {rows} rows sampled differ after up and down",
                old.name.as_str()
            ),
            "down(up(x)) = x",
            "where the new version writes such a row, a way back gives what down makes of it; make up or down exact if that matters",
        ));
    }
    Ok(out)
}

/// Old columns that the way back reads or gives, by name: another engine of
/// the same rollout may have added the new ones already.
fn old_columns_read(form: &Form) -> Vec<String> {
    let new = |name: &Ident| form.columns.iter().any(|column| column.name == *name);
    let mut names: BTreeSet<&Ident> = BTreeSet::new();
    for (_, old, down) in form.replaced() {
        names.insert(&old.name);
        names.extend(
            down.inputs
                .iter()
                .map(|input| &input.column)
                .filter(|name| !new(name)),
        );
    }
    names.into_iter().map(|name| format!("t.{name}")).collect()
}

fn fails(key: &str, message: &str) -> Check {
    finding(
        "round_trip",
        CheckVerdict::Fail,
        format!("{key} fails on real rows: {message}"),
        &format!("a value for every row (the first {SAMPLE_ROWS} are tried)"),
        "correct the expression, or the rows it cannot take",
    )
}
