//! The only file that hands SQL text to the driver.
//!
//! The text is built from `Ident`s, from literals that SQLite itself or
//! `quote_literal` spelt, and from expressions that the lexer has let pass.

use super::failure::sorted;
use crate::worker::CallError;
use sqlx::{AssertSqlSafe, Executor, Row, SqliteConnection};

/// One row, every value as text.
pub(super) type Texts = Vec<Option<String>>;

/// Runs statements whose rows nobody wants.
pub(super) async fn run(conn: &mut SqliteConnection, sql: String) -> Result<(), CallError> {
    conn.execute(sqlx::raw_sql(AssertSqlSafe(sql)))
        .await
        .map(|_| ())
        .map_err(|error| sorted(&error))
}

/// All rows.
pub(super) async fn rows(
    conn: &mut SqliteConnection,
    sql: String,
) -> Result<Vec<Texts>, CallError> {
    let found = conn
        .fetch_all(sqlx::raw_sql(AssertSqlSafe(sql)))
        .await
        .map_err(|error| sorted(&error))?;
    found
        .iter()
        .map(|row| {
            (0..row.len())
                .map(|i| row.try_get_unchecked::<Option<String>, _>(i))
                .collect::<Result<Texts, _>>()
                .map_err(|error| sorted(&error))
        })
        .collect()
}

/// The first row, if there is one.
pub(super) async fn first(
    conn: &mut SqliteConnection,
    sql: String,
) -> Result<Option<Texts>, CallError> {
    Ok(rows(conn, sql).await?.into_iter().next())
}

/// The first value of the first row, if there is one and it is not NULL.
pub(super) async fn value(
    conn: &mut SqliteConnection,
    sql: String,
) -> Result<Option<String>, CallError> {
    let row = first(conn, sql).await?;
    Ok(row.and_then(|row| row.into_iter().next().flatten()))
}

/// The first value as a number; 0 if there is none.
pub(super) async fn number(conn: &mut SqliteConnection, sql: String) -> Result<u64, CallError> {
    Ok(as_number(value(conn, sql).await?.as_deref()))
}

/// A number from a value; 0 if it is none.
pub(super) fn as_number(text: Option<&str>) -> u64 {
    text.and_then(|t| t.parse().ok()).unwrap_or(0)
}

/// Text at a place of a row.
pub(super) fn text(row: &Texts, place: usize) -> Option<&str> {
    row.get(place).and_then(Option::as_deref)
}
