//! What an error of SQLite means for the worker.

use crate::base::code;
use crate::worker::{CallError, ErrorKind};

pub(super) fn refused(code: &str, message: impl Into<String>) -> CallError {
    CallError {
        kind: ErrorKind::Refused,
        code: code.into(),
        message: message.into(),
    }
}

/// The lead has to look again, as after a fence that somebody else holds.
pub(super) fn range_gone(message: impl Into<String>) -> CallError {
    CallError {
        kind: ErrorKind::Fenced { epoch: 0 },
        code: code::RANGE_GONE.into(),
        message: message.into(),
    }
}

pub(super) fn fenced(mine: u64, there: u64) -> CallError {
    CallError {
        kind: ErrorKind::Fenced { epoch: there },
        code: code::FENCED.into(),
        message: format!("the fence holds epoch {there}, this engine has {mine}"),
    }
}

/// Sorts a driver error. Only what happens while a commit is under way can be
/// unknown; everything before it is rolled back.
pub(super) fn sorted(error: &sqlx::Error) -> CallError {
    let sqlx::Error::Database(database) = error else {
        return CallError {
            kind: match error {
                sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::Decode(_)
                | sqlx::Error::RowNotFound => ErrorKind::Refused,
                _ => ErrorKind::Unknown,
            },
            code: "sqlite/driver".into(),
            message: error.to_string(),
        };
    };
    let code: i64 = database
        .code()
        .and_then(|code| code.parse().ok())
        .unwrap_or_default();
    // The low byte is the primary code (sqlite.org/rescode.html).
    let (kind, word) = match code & 0xff {
        5 => (ErrorKind::Yielded, "busy"),
        6 => (ErrorKind::Yielded, "locked"),
        9 => (ErrorKind::Yielded, "interrupt"),
        13 => (ErrorKind::Yielded, "full"),
        17 => (ErrorKind::Yielded, "schema"),
        10 => (ErrorKind::Unknown, "ioerr"),
        14 => (ErrorKind::Unreachable, "cantopen"),
        19 => (ErrorKind::Refused, "constraint"),
        8 => (ErrorKind::Refused, "readonly"),
        11 => (ErrorKind::Refused, "corrupt"),
        26 => (ErrorKind::Refused, "notadb"),
        _ => (ErrorKind::Refused, "error"),
    };
    CallError {
        kind,
        code: format!("sqlite/{word}"),
        message: database.message().to_owned(),
    }
}
