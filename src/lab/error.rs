//! What can go wrong in a lab.

use crate::base::Untrusted;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a lab could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// PostgreSQL's programs are not on this machine.
    #[error("PostgreSQL programs are missing: {}; looked in {looked_in}; install the Debian package `postgresql`, or name their directory in PILOTHOUSE_PG_BIN", .missing.join(", "))]
    MissingBinaries {
        /// The programs that are missing.
        missing: Vec<String>,
        /// Where they were looked for.
        looked_in: String,
    },
    /// The number of shards or standbys makes no lab.
    #[error("{0}")]
    Spec(&'static str),
    /// The directory holds something else.
    #[error("{} is not empty and not a lab; nothing was touched; choose another directory", .0.display())]
    NotEmpty(PathBuf),
    /// A lab is there already.
    #[error("{} is a lab already; nothing was touched; take it down first with `pilothouse lab down`", .0.display())]
    AlreadyALab(PathBuf),
    /// There is no lab.
    #[error("{} is not a lab", .0.display())]
    NotALab(PathBuf),
    /// The servers' user cannot get into the directory.
    #[error("the servers run as user `{user}`, who cannot enter {}; choose a directory below one that everybody may enter, such as /tmp", .path.display())]
    Unreachable {
        /// The first directory on the way that is closed.
        path: PathBuf,
        /// The servers' user.
        user: String,
    },
    /// No account to run servers as.
    #[error(
        "servers must not run as root, and this machine has neither a user `postgres` nor `nobody`"
    )]
    NoAccount,
    /// A program ended with an error.
    #[error("{program} for {place} failed ({status}): {tail}")]
    Program {
        /// For example `initdb`.
        program: String,
        /// The server it was for.
        place: String,
        /// How it ended.
        status: String,
        /// The last lines of what it said.
        tail: Untrusted,
    },
    /// A server ended while it was starting.
    #[error("server {name} ended while it was starting; its last words: {tail}")]
    Died {
        /// The server.
        name: String,
        /// The last lines of its log.
        tail: Untrusted,
    },
    /// Something did not come about in time.
    #[error("{what} did not come about within {} s", .waited.as_secs())]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
    },
    /// A directory that a demo cannot have.
    #[error("{} is not empty; nothing was touched; choose another directory", .0.display())]
    Taken(PathBuf),
    /// No such server.
    #[error("this lab has no server `{0}`")]
    NoServer(String),
    /// The server is not in the state that the command needs.
    #[error("server {name} is {state}, so it cannot be {wanted}")]
    WrongState {
        /// The server.
        name: String,
        /// What it is.
        state: &'static str,
        /// What was to be done to it.
        wanted: &'static str,
    },
    /// No free port on loopback.
    #[error("no free port was found on 127.0.0.1")]
    NoPort,
    /// The keeper could not be reached or refused.
    #[error("the lab's keeper: {0}")]
    Keeper(Untrusted),
    /// A file.
    #[error("could not {doing} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A statement.
    #[error("could not {doing} on {place}: {}", Untrusted::new(.source.to_string()))]
    Sql {
        /// What was tried.
        doing: &'static str,
        /// The server.
        place: String,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// A file that is not what it should be.
    #[error("{} is not readable: {why}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        why: Untrusted,
    },
    /// The lab is being taken down.
    #[error("the lab is being taken down")]
    Closing,
    /// It went wrong and this is what stayed behind.
    #[error("{cause}; what was started was ended; left behind: {}", .left.join(", "))]
    Leftovers {
        /// What went wrong.
        cause: Box<LabError>,
        /// Paths that could not be removed.
        left: Vec<String>,
    },
}

impl LabError {
    /// For `map_err`: a file operation that failed.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    /// For `map_err`: a statement that failed.
    pub(super) fn sql(doing: &'static str, place: &str) -> impl FnOnce(sqlx::Error) -> Self {
        let place = place.to_owned();
        move |source| Self::Sql {
            doing,
            place,
            source,
        }
    }
}
