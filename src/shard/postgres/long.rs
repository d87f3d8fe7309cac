//! Statements that run outside a transaction (VALIDATE, concurrent index
//! builds, `sql` with a probe) and may take hours.
//!
//! Nothing else of a deposed engine can take effect, because it commits under
//! the fence. These cannot hold the fence: a take-over would wait for hours.
//! So there is a second lock. The session that runs such a statement holds it
//! shared, from before it compares the epoch until after the statement. A
//! take-over first ends the sessions that hold it, then takes it exclusively
//! in the transaction that moves the epoch. Whoever gets it before that
//! transaction is waited for; whoever gets it after that finds the new epoch.
//! The second does not depend on the first: where the server does not let us
//! end a session, the take-over gives way and tries again until it is gone.

use super::Failure;
use super::error::{own, read};
use super::fence::{self, Durability, Fence};
use super::schema::LONG_KEY;
use super::sql::{self, Value};
use crate::base::code;
use crate::worker::ErrorKind;
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// How long the server may take to end one session, in milliseconds.
const END_MS: i64 = 1_000;

/// Waits for a lock: then others would queue behind it.
pub(super) const BRIEFLY: &str = "SET lock_timeout = '10s'";

/// Nobody queues behind it, and giving up would cost all the work.
pub(super) const AS_LONG_AS_IT_TAKES: &str = "SET lock_timeout = 0";

/// Runs the statements, one by one, as the owner of the shard. After an error
/// the caller frees the lock with [`RELEASE`].
pub(super) async fn run(
    connection: &mut PgConnection,
    epoch: u64,
    wait: &str,
    statements: &[String],
) -> Result<Fence, Failure> {
    let lock = "SELECT pg_advisory_lock_shared($1)";
    sql::execute(connection, lock, vec![LONG_KEY.into()]).await?;
    // After the lock, never before it: a take-over that we waited for is seen.
    let fence = fence::begin(connection, epoch, Durability::Relaxed).await?;
    fence::commit(connection).await?;
    sql::run(connection, "SET statement_timeout = 0").await?;
    sql::run(connection, wait).await?;
    for statement in statements {
        sql::run(connection, statement).await?;
    }
    sql::run(connection, "RESET lock_timeout").await?;
    sql::run(connection, "RESET statement_timeout").await?;
    sql::run(connection, RELEASE).await?;
    Ok(fence)
}

/// Frees the lock of [`run`], however often it was taken.
pub(super) const RELEASE: &str = "SELECT pg_advisory_unlock_all()";

/// Ends every other session that holds the lock, as far as the server lets
/// us, and gives the process ids of those that remain. Found by the lock and
/// not by a name: no bystander is hit.
pub(super) async fn end_others(connection: &mut PgConnection) -> Result<Vec<i32>, Failure> {
    // The login role may end its own sessions, the role that owns the tables
    // may not.
    sql::run(connection, "SET ROLE NONE").await?;
    let mut left = Vec::new();
    for pid in holders(connection).await? {
        let end = "SELECT pg_terminate_backend($1::bigint::integer, $2)";
        let ended = sql::row(connection, end, vec![i64::from(pid).into(), END_MS.into()]).await;
        match ended {
            Ok(Some(row)) if row.try_get::<bool, _>(0)? => {}
            Ok(_) => left.push(pid),
            Err(error) if error.as_database_error().is_some() => left.push(pid),
            Err(error) => return Err(error.into()),
        }
    }
    sql::run(connection, "RESET ROLE").await?;
    Ok(left)
}

async fn holders(connection: &mut PgConnection) -> Result<Vec<i32>, Failure> {
    let statement = "SELECT DISTINCT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
          AND (l.classid::bigint << 32) | l.objid::bigint = $1
          AND d.datname = current_database() AND l.pid <> pg_backend_pid()";
    let rows = sql::rows(connection, statement, vec![LONG_KEY.into()]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Takes the lock exclusively for the open transaction. `left` are the
/// sessions that [`end_others`] could not end.
pub(super) async fn exclude(connection: &mut PgConnection, left: &[i32]) -> Result<(), Failure> {
    let lock = "SELECT pg_advisory_xact_lock($1)";
    let Err(error) = sql::execute(connection, lock, vec![Value::Int(LONG_KEY)]).await else {
        return Ok(());
    };
    let found = read(&error);
    if found.kind != ErrorKind::Yielded {
        return Err(Failure(found));
    }
    let who: Vec<String> = left.iter().map(|pid| format!("pid {pid}")).collect();
    let who = if who.is_empty() {
        "it began just now".to_owned()
    } else {
        format!("{}, which this role may not end", who.join(", "))
    };
    let message = format!(
        "an older engine's statement is still running on this shard ({who}); the fence is not taken before it has ended"
    );
    Err(Failure(own(
        ErrorKind::Yielded,
        code::OLDER_STATEMENT,
        message,
    )))
}
