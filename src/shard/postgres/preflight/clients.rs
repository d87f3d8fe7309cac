//! What the application is doing: transactions that DDL would wait for, and
//! statements that a new column could break. Read as the login role.

use super::{finding, pass_or};
use crate::base::{Untrusted, quote_literal};
use crate::shard::postgres::Failure;
use crate::shard::postgres::dialect::Form;
use crate::shard::postgres::expression::attempt;
use crate::shard::postgres::sql;
use crate::worker::{Check, CheckVerdict};
use sqlx::Row;
use sqlx::postgres::PgConnection;

const TRANSACTION_S_MAX: i64 = 300;

pub(super) async fn long_transactions(connection: &mut PgConnection) -> Result<Check, Failure> {
    let statement = "SELECT seconds, who FROM (
          SELECT extract(epoch FROM clock_timestamp() - xact_start)::bigint AS seconds,
            format('%s (pid %s, %s)', coalesce(nullif(application_name, ''), usename), pid, state) AS who
          FROM pg_stat_activity WHERE backend_type = 'client backend' AND xact_start IS NOT NULL
            AND datname = current_database() AND application_name NOT LIKE 'pilothouse/%'
          UNION ALL
          SELECT extract(epoch FROM clock_timestamp() - prepared)::bigint, format('prepared transaction %s', gid)
          FROM pg_prepared_xacts WHERE database = current_database()) s
        ORDER BY seconds DESC LIMIT 1";
    let oldest = match sql::row(connection, statement, vec![]).await? {
        Some(row) => Some((row.try_get::<i64, _>(0)?, row.try_get::<String, _>(1)?)),
        None => None,
    };
    let seconds = oldest.as_ref().map_or(0, |(seconds, _)| *seconds);
    Ok(finding(
        "long_transactions",
        pass_or(CheckVerdict::Warn, seconds < TRANSACTION_S_MAX),
        match oldest {
            Some((seconds, who)) => format!("oldest {seconds} s: {}", Untrusted::new(who)),
            None => "none".to_owned(),
        },
        &format!("under {TRANSACTION_S_MAX} s"),
        "end it before expand: DDL waits behind it and the application behind the DDL",
    ))
}

/// The name as it may stand in a regular expression.
fn escaped(name: &str) -> String {
    name.chars().fold(String::new(), |mut out, c| {
        if !c.is_alphanumeric() && c != '_' {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

/// Statements over the table whose columns nobody has named.
fn pattern(table: &str) -> String {
    let name = escaped(table);
    let word = format!("(^|[^[:alnum:]_]){name}($|[^[:alnum:]_])");
    format!(
        "select\\s+(distinct\\s+)?(\\S+\\.)?\\*.*{word}|{word}.*returning\\s+(\\S+\\.)?\\*|copy\\s+(\\S+\\.)?\"?{name}\"?\\s+(from|to)"
    )
}

/// Clients that read `*` or copy without naming columns, as far as they can
/// be seen: what runs now, and what the server has counted.
pub(super) async fn unnamed_columns(
    connection: &mut PgConnection,
    form: &Form,
) -> Result<Check, Failure> {
    let table = form.table.table.as_str();
    let pattern = pattern(table);
    let now = "SELECT string_agg(DISTINCT coalesce(nullif(application_name, ''), usename), ', ') FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND datname = current_database()
          AND application_name NOT LIKE 'pilothouse/%' AND query ~* $1";
    let now = sql::text(connection, now, vec![pattern.as_str().into()]).await?;
    let counted = counted(connection, &pattern).await?;
    let mut said = Vec::new();
    if let Some(clients) = &now {
        said.push(format!("now: {}", Untrusted::new(clients.as_str())));
    }
    let is_good = now.is_none() && matches!(counted, Counted::None);
    said.push(match counted {
        Counted::None => "none in pg_stat_statements".to_owned(),
        Counted::Some(statements) => format!("counted: {}", Untrusted::new(statements)),
        Counted::Unknown(why) => format!("earlier statements not checked: {why}"),
    });
    Ok(finding(
        "select_star",
        pass_or(CheckVerdict::Warn, is_good),
        format!("{table}: {}", said.join("; ")),
        "no client that reads * or copies without column names",
        "name the columns in these clients, or make sure that they take one more",
    ))
}

enum Counted {
    None,
    Some(String),
    Unknown(String),
}

async fn counted(connection: &mut PgConnection, pattern: &str) -> Result<Counted, Failure> {
    let there = "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_stat_statements'";
    let Some(schema) = sql::text(connection, there, vec![]).await? else {
        let why = "pg_stat_statements is not installed in this database";
        return Ok(Counted::Unknown(why.into()));
    };
    let statement = format!(
        "SELECT string_agg(said, ' | ') FROM (
            SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), 80) AS said FROM {schema}.pg_stat_statements
            WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND query ~* {} AND query !~* 'pilothouse|pg_stat_activity' ORDER BY calls DESC LIMIT 3) s",
        quote_literal(pattern)
    );
    Ok(match attempt(connection, &[statement]).await {
        Err(why) => Counted::Unknown(why),
        Ok(None) => Counted::None,
        Ok(Some(row)) => match row.try_get::<Option<String>, _>(0)? {
            Some(found) => Counted::Some(found),
            None => Counted::None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_name_stands_for_itself_in_the_pattern() {
        assert!(pattern("a.b$c").contains("a\\.b\\$c"));
    }
}
