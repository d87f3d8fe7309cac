//! Two roles: the login role sees other sessions, the role that owns the
//! tables has our schema. Neither need inherit what the other may, so every
//! statement runs as the one that it needs.

use super::Failure;
use super::error::own;
use super::sql::{self, Value};
use crate::base::{Ident, Untrusted};
use crate::worker::ErrorKind;
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// Becomes the role that owns the tables, if one is named.
pub(super) async fn take(
    connection: &mut PgConnection,
    role: Option<&Ident>,
) -> Result<(), Failure> {
    if let Some(role) = role {
        sql::run(connection, &format!("SET ROLE {role}")).await?;
    }
    Ok(())
}

/// Becomes the login role.
pub(super) async fn lay_down(connection: &mut PgConnection) -> Result<(), Failure> {
    sql::run(connection, "SET ROLE NONE").await?;
    Ok(())
}

/// Old-form writes so far, and who of the writers is still connected, ready
/// to be shown. Leaves the session in the login role.
pub(super) async fn old_form(
    connection: &mut PgConnection,
    role: Option<&Ident>,
) -> Result<(i64, String), Failure> {
    take(connection, role).await?;
    let noted = "SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM pilothouse.old_write_count),
        (SELECT array_agg(w.pid::text ORDER BY w.pid) FROM pilothouse.old_writer w),
        (SELECT array_agg(w.first_at::text ORDER BY w.pid) FROM pilothouse.old_writer w),
        (SELECT array_agg(w.application_name ORDER BY w.pid) FROM pilothouse.old_writer w)";
    let noted = sql::row(connection, noted, vec![])
        .await?
        .ok_or_else(|| Failure(own(ErrorKind::Unknown, "quiet", "no answer")))?;
    let count: i64 = noted.try_get(0)?;
    let mut lists = Vec::new();
    for place in 1..4 {
        let list: Option<Vec<String>> = noted.try_get(place)?;
        lists.push(Value::List(list.unwrap_or_default()));
    }
    lay_down(connection).await?;
    let connected = "SELECT string_agg(format('%s (pid %s)', w.name, w.pid), ', ' ORDER BY w.pid)
        FROM unnest($1::text[], $2::text[], $3::text[]) AS w(pid, first_at, name)
        JOIN pg_stat_activity a ON a.pid = w.pid::integer AND a.backend_start <= w.first_at::timestamptz";
    let who = sql::text(connection, connected, lists).await?;
    let who = who.map(|who| Untrusted::new(who).to_string());
    Ok((count, who.unwrap_or_default()))
}
