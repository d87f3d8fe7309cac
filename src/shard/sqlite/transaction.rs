//! Beginning and ending a transaction.

use super::statement::run;
use crate::worker::{CallError, ErrorKind};
use sqlx::SqliteConnection;

/// Opens a transaction by the given statement.
pub(super) async fn begin(conn: &mut SqliteConnection, sql: &str) -> Result<(), CallError> {
    run(conn, sql.to_owned()).await
}

/// Commits what went well, rolls back what did not.
pub(super) async fn finish<T>(
    conn: &mut SqliteConnection,
    done: Result<T, CallError>,
) -> Result<T, CallError> {
    let done = match done {
        Ok(done) => done,
        Err(error) => return give_back(conn, Err(error)).await,
    };
    match run(conn, "COMMIT".to_owned()).await {
        Ok(()) => Ok(done),
        // A commit that was refused or had to wait has not happened; of a
        // broken one nobody knows.
        Err(error) => give_back(conn, Err(error)).await,
    }
}

/// Ends a transaction without a trace. If even that fails, the connection is
/// of no use any more, and dropping it rolls back.
pub(super) async fn give_back<T>(
    conn: &mut SqliteConnection,
    found: Result<T, CallError>,
) -> Result<T, CallError> {
    let ended = run(conn, "ROLLBACK".to_owned()).await;
    match (found, ended) {
        (Ok(found), Ok(())) => Ok(found),
        (Err(error), Ok(())) => Err(error),
        // SQLite has rolled back by itself (full disk, I/O error): fine.
        (Err(error), Err(ended)) if ended.message.contains("no transaction is active") => {
            Err(error)
        }
        (Err(error), Err(_)) => Err(CallError {
            kind: ErrorKind::Unknown,
            ..error
        }),
        (Ok(_), Err(ended)) => Err(CallError {
            kind: ErrorKind::Unknown,
            ..ended
        }),
    }
}
