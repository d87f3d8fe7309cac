//! The one door through which SQL text reaches PostgreSQL.
//!
//! Texts come from the dialect, which builds them from [`Ident`]s, literals
//! and the expressions of the migration file; values come as parameters only.
//! No other file may name `AssertSqlSafe`.
//!
//! [`Ident`]: crate::base::Ident

use sqlx::postgres::{PgConnection, PgRow, PgStatement};
use sqlx::{AssertSqlSafe, Row};

/// A parameter. Keys and names travel as text and are cast in the statement.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Option<String>),
    Int(i64),
    List(Vec<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// Runs one statement without parameters, by the simple protocol.
pub(super) async fn run(connection: &mut PgConnection, sql: &str) -> sqlx::Result<u64> {
    let done = sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Ends a look at something: the transaction wrote nothing and is rolled back,
/// unless the connection is gone with it.
pub(super) async fn end_look<T>(
    connection: &mut PgConnection,
    found: &sqlx::Result<T>,
) -> sqlx::Result<()> {
    let answers = match found {
        Ok(_) => true,
        Err(error) => error.as_database_error().is_some(),
    };
    if answers {
        run(connection, "ROLLBACK").await?;
    }
    Ok(())
}

/// Prepares a statement, which the connection remembers until it is told to
/// forget.
pub(super) async fn prepare(connection: &mut PgConnection, sql: &str) -> sqlx::Result<PgStatement> {
    use sqlx::{Executor as _, SqlSafeStr as _};
    connection
        .prepare(AssertSqlSafe(sql.to_owned()).into_sql_str())
        .await
}

/// The first column of the first row of a statement without parameters, by
/// the simple protocol, whatever its type.
pub(super) async fn plain_text(connection: &mut PgConnection, sql: &str) -> sqlx::Result<String> {
    let row = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await?;
    row.try_get_unchecked(0)
}

/// Runs one statement with parameters; gives the number of rows it touched.
pub(super) async fn execute(
    connection: &mut PgConnection,
    sql: &str,
    values: Vec<Value>,
) -> sqlx::Result<u64> {
    let done = bound(sql, values).execute(connection).await?;
    Ok(done.rows_affected())
}

/// Rows of one statement with parameters.
pub(super) async fn rows(
    connection: &mut PgConnection,
    sql: &str,
    values: Vec<Value>,
) -> sqlx::Result<Vec<PgRow>> {
    bound(sql, values).fetch_all(connection).await
}

/// The first row, if any.
pub(super) async fn row(
    connection: &mut PgConnection,
    sql: &str,
    values: Vec<Value>,
) -> sqlx::Result<Option<PgRow>> {
    bound(sql, values).fetch_optional(connection).await
}

/// Whether there is a relation of this name, quoted where it must be.
pub(super) async fn is_there(connection: &mut PgConnection, name: &str) -> sqlx::Result<bool> {
    let there = "SELECT (to_regclass($1) IS NOT NULL)::text";
    let found = text(connection, there, vec![name.into()]).await?;
    Ok(found.as_deref() == Some("true"))
}

/// The first column of the first row, as text.
pub(super) async fn text(
    connection: &mut PgConnection,
    sql: &str,
    values: Vec<Value>,
) -> sqlx::Result<Option<String>> {
    match row(connection, sql, values).await? {
        Some(row) => row.try_get::<Option<String>, _>(0),
        None => Ok(None),
    }
}

fn bound(
    sql: &str,
    values: Vec<Value>,
) -> sqlx::query::Query<'static, sqlx::Postgres, sqlx::postgres::PgArguments> {
    let mut query = sqlx::query(AssertSqlSafe(sql.to_owned())).persistent(false);
    for value in values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Int(number) => query.bind(number),
            Value::List(list) => query.bind(list),
        };
    }
    query
}
