//! What a driver error means for the worker.

use crate::base::Untrusted;
use crate::base::code::DUAL_WRITE_BROKEN;
use crate::worker::{CallError, ErrorKind};
use sqlx::postgres::PgDatabaseError;

/// SQLSTATEs after which everything of the statement is rolled back and
/// trying again can help.
const YIELDED: [&str; 5] = ["55P03", "40P01", "40001", "57014", "55006"];

/// SQLSTATE classes that say "not now": connections, resources, shutdown. A
/// server that is read-only is no primary (any more), and one that ended our
/// idle transaction has ended the connection with it.
const PASSING: [&str; 6] = ["08", "53", "57", "58", "25006", "25P03"];

/// Our own tables are not there: a failover or a restore went back to before
/// they were made. Not a mistake of the statement; the lead must look again.
const NOT_INSTALLED: [&str; 2] = ["42P01", "3F000"];

/// Reads a driver error. `Unknown` whenever the connection may have died
/// with the statement's outcome.
pub(super) fn read(error: &sqlx::Error) -> CallError {
    if let sqlx::Error::Database(database) = error {
        let code = database
            .code()
            .map_or_else(|| "?".to_owned(), |code| code.to_string());
        let kind = if code == DUAL_WRITE_BROKEN {
            // The lead has to attach and find out.
            ErrorKind::Unknown
        } else if YIELDED.contains(&code.as_str()) {
            ErrorKind::Yielded
        } else if NOT_INSTALLED.contains(&code.as_str())
            && database.message().contains("pilothouse")
        {
            ErrorKind::Fenced { epoch: 0 }
        } else if PASSING.iter().any(|class| code.starts_with(class)) {
            ErrorKind::Unknown
        } else {
            ErrorKind::Refused
        };
        return CallError {
            kind,
            code,
            message: whole(database.as_ref()),
        };
    }
    let kind = match error {
        // A mistake of ours: what came back is not what the statement gives.
        sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::Encode(_)
        | sqlx::Error::RowNotFound => ErrorKind::Refused,
        _ => ErrorKind::Unknown,
    };
    CallError {
        kind,
        code: "connection".into(),
        message: plain(error),
    }
}

/// The message, with its detail where that names objects. Elsewhere a detail
/// may hold values of the application's rows.
fn whole(error: &dyn sqlx::error::DatabaseError) -> String {
    const NAMES_OBJECTS: &str = "2BP01";
    let detail = error
        .try_downcast_ref::<PgDatabaseError>()
        .and_then(PgDatabaseError::detail)
        .filter(|_| error.code().is_some_and(|code| code == NAMES_OBJECTS));
    match detail {
        Some(detail) => format!("{} ({})", error.message(), detail.trim_end_matches('.')),
        None => error.message().to_owned(),
    }
}

/// The message of a driver error without anything of the connection options.
pub(super) fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        sqlx::Error::Io(io) => format!("connection lost: {}", io.kind()),
        sqlx::Error::Tls(_) => "the TLS handshake failed".into(),
        sqlx::Error::Configuration(_) => "the connection settings are not usable".into(),
        other => other.to_string(),
    }
}

/// What the server has against a statement. Only what the statement itself did
/// wrong is its failure: a server that shuts down also answers with an error.
pub(super) fn refusal(error: &sqlx::Error) -> Result<String, super::Failure> {
    let read = read(error);
    match read.kind {
        ErrorKind::Refused => Ok(Untrusted::new(read.message).to_string()),
        _ => Err(super::Failure(read)),
    }
}

/// An error of our own.
pub(super) fn own(kind: ErrorKind, code: &str, message: impl Into<String>) -> CallError {
    CallError {
        kind,
        code: code.into(),
        message: message.into(),
    }
}

impl From<sqlx::Error> for super::Failure {
    fn from(error: sqlx::Error) -> Self {
        Self(read(&error))
    }
}
