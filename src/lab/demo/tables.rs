//! The application's tables, and its connections to them.

use crate::lab::LabError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Executor as _, Row as _, SqliteConnection};
use std::path::Path;
use std::time::Duration;

/// How long the application waits for its turn to write.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// In the shard and in its follower.
pub(super) const ACCOUNTS: &str = "CREATE TABLE account (
  id INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  balance INTEGER NOT NULL DEFAULT 0
);";

/// In the shard: which rows have changed, in the order of the changes. The
/// row itself is read when it is replayed, so the log outlives any change of
/// the columns.
pub(super) const CHANGE_LOG: &str = "
CREATE TABLE change_log (seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL);
CREATE TRIGGER log_insert AFTER INSERT ON account BEGIN
  INSERT INTO change_log (id) VALUES (NEW.id);
END;
CREATE TRIGGER log_update AFTER UPDATE ON account BEGIN
  INSERT INTO change_log (id) SELECT OLD.id UNION SELECT NEW.id;
END;
CREATE TRIGGER log_delete AFTER DELETE ON account BEGIN
  INSERT INTO change_log (id) VALUES (OLD.id);
END;";

/// In the follower: how far it is, and the heartbeat that it carries over.
pub(super) const REPLAYED: &str = "
CREATE TABLE replayed (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
INSERT INTO replayed VALUES (1, 0);
CREATE TABLE pilothouse_heartbeat (
  one INTEGER PRIMARY KEY CHECK (one = 1), at_ms INTEGER NOT NULL);";

/// Which form of the balance a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forms {
    Old,
    Both,
    New,
}

impl Forms {
    /// What the table of a file has; `None` if it is no table of ours.
    pub(super) fn of(columns: &[String]) -> Option<Self> {
        let has = |name: &str| columns.iter().any(|column| column == name);
        match (has("balance"), has("balance_cents")) {
            (true, false) => Some(Self::Old),
            (true, true) => Some(Self::Both),
            (false, true) => Some(Self::New),
            (false, false) => None,
        }
    }

    pub(super) fn has_old(self) -> bool {
        self != Self::New
    }

    pub(super) fn has_new(self) -> bool {
        self != Self::Old
    }
}

/// One connection of the application.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(path).create_if_missing(false).connect().await
}

/// The first connection, which makes the file.
pub(super) async fn create(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(path).create_if_missing(true).connect().await
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // What a power loss takes away here was thrown away anyhow.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(LOCK_TIMEOUT)
        .disable_statement_logging()
}

/// Runs statements whose rows nobody wants.
pub(super) async fn run(conn: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    conn.execute(sqlx::raw_sql(sql)).await.map(|_| ())
}

/// One number; `None` where there is no row.
pub(super) async fn number(
    conn: &mut SqliteConnection,
    sql: &'static str,
) -> Result<Option<i64>, sqlx::Error> {
    let row = conn.fetch_optional(sqlx::raw_sql(sql)).await?;
    row.map(|row| row.try_get::<Option<i64>, _>(0))
        .transpose()
        .map(Option::flatten)
}

/// One column of text.
pub(super) async fn texts(
    conn: &mut SqliteConnection,
    sql: &'static str,
) -> Result<Vec<String>, sqlx::Error> {
    let rows = conn.fetch_all(sqlx::raw_sql(sql)).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// For `map_err`: what was tried, and on which file.
pub(super) fn failed(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(sqlx::Error) -> LabError + use<> {
    let place = path.display().to_string();
    move |source| LabError::Sql {
        doing,
        place,
        source,
    }
}
