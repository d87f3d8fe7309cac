//! Opening the SQLite files: permissions, pragmas, layout.

use super::error::StoreError;
use crate::journal::LogId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

/// How long a statement waits for another process's write to end.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Layout version of both files, in `user_version`.
const LAYOUT: i64 = 1;

/// `application_id` of the journal file, "PHjl"; 1346923116 in its layout.
const JOURNAL_ID: i64 = 0x5048_6a6c;

/// `application_id` of the inbox file, "PHin"; 1346922862 in its layout.
const INBOX_ID: i64 = 0x5048_696e;

/// The triggers guard against accidents and careless hands, in every
/// connection: `entry_next` refuses `INSERT OR REPLACE` too, which passes the
/// delete trigger by unless `recursive_triggers` is on. Whoever means harm can
/// drop them; against that there is the chain and a head noted elsewhere.
const JOURNAL_LAYOUT: &str = "
    CREATE TABLE entry (seq INTEGER PRIMARY KEY, line TEXT NOT NULL) STRICT;
    CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), log TEXT NOT NULL) STRICT;
    CREATE TABLE snapshot (
        seq INTEGER PRIMARY KEY, hash TEXT NOT NULL, state TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER entry_next BEFORE INSERT ON entry
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entry)
        BEGIN SELECT RAISE(ABORT, 'the journal takes only the next entry'); END;
    CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
        BEGIN SELECT RAISE(ABORT, 'the journal is never changed'); END;
    CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
        BEGIN SELECT RAISE(ABORT, 'the journal is never shortened'); END;
    CREATE TRIGGER meta_once BEFORE INSERT ON meta WHEN EXISTS (SELECT 1 FROM meta)
        BEGIN SELECT RAISE(ABORT, 'the journal keeps its name'); END;
    CREATE TRIGGER meta_no_update BEFORE UPDATE ON meta
        BEGIN SELECT RAISE(ABORT, 'the journal keeps its name'); END;
    CREATE TRIGGER meta_no_delete BEFORE DELETE ON meta
        BEGIN SELECT RAISE(ABORT, 'the journal keeps its name'); END;
    INSERT INTO meta (one, log) VALUES (1, lower(hex(randomblob(16))));
    PRAGMA application_id = 1346923116;
    PRAGMA user_version = 1;
";

const INBOX_LAYOUT: &str = "
    CREATE TABLE inbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, at INTEGER NOT NULL,
        order_json TEXT NOT NULL, answer_json TEXT
    ) STRICT;
    CREATE TABLE view (
        one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL, json TEXT NOT NULL
    ) STRICT;
    PRAGMA application_id = 1346922862;
    PRAGMA user_version = 1;
";

/// Which file a path led to when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    pub(super) fn at(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
        })
    }
}

/// Makes the directory, for its owner only. One that is there already is left
/// as it is, but refused when others may write into it.
pub(super) fn prepare_dir(dir: &Path) -> Result<(), StoreError> {
    let failed = StoreError::file("create the directory", dir);
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed)?;
    let found = std::fs::metadata(dir).map_err(StoreError::file("read", dir))?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(StoreError::Exposed {
            path: dir.to_owned(),
            mode,
        });
    }
    Ok(())
}

/// Makes the file with mode 0600 before SQLite can make it with another; its
/// companions (`-wal`, `-shm`) take their mode from it.
pub(super) fn create_private(path: &Path) -> Result<FileIdentity, StoreError> {
    let fresh = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match fresh {
        Ok(_) => sync_dir_of(path)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => tighten(path)?,
        Err(error) => return Err(StoreError::file("create", path)(error)),
    }
    FileIdentity::at(path).ok_or_else(|| StoreError::Missing {
        path: path.to_owned(),
    })
}

fn tighten(path: &Path) -> Result<(), StoreError> {
    let failed = StoreError::file("restrict access to", path);
    let found = std::fs::metadata(path).map_err(&failed)?;
    if found.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(&failed)?;
    }
    Ok(())
}

/// A new name is durable only once its directory is.
pub(super) fn sync_dir_of(path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(StoreError::file("sync the directory", dir))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY_WAIT)
        .foreign_keys(true)
        .pragma("recursive_triggers", "ON")
}

/// Opens a writing connection to the journal, laying it out if it is new.
pub(super) async fn open_journal(path: &Path) -> Result<(SqliteConnection, LogId), StoreError> {
    let options = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("fullfsync", "ON");
    let mut connection = connect(options, "open the journal").await?;
    lay_out(&mut connection, path, JOURNAL_ID, JOURNAL_LAYOUT).await?;
    let log = read_log(&mut connection, path).await?;
    Ok((connection, log))
}

/// Opens a reading connection to a journal that must be there.
pub(super) async fn open_journal_read_only(
    path: &Path,
) -> Result<(SqliteConnection, LogId), StoreError> {
    if !path.is_file() {
        return Err(StoreError::Missing {
            path: path.to_owned(),
        });
    }
    let mut connection = connect(looking(path), "open the journal").await?;
    check_layout(&mut connection, path, JOURNAL_ID).await?;
    let log = read_log(&mut connection, path).await?;
    Ok((connection, log))
}

/// Opens the inbox, laying it out if it is new. Orders count only once the
/// engine has journalled them, so this file need not survive a power cut.
pub(super) async fn open_inbox(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let mut connection = connect(options, "open the inbox").await?;
    lay_out(&mut connection, path, INBOX_ID, INBOX_LAYOUT).await?;
    Ok(connection)
}

/// Options for a look that leaves nothing behind. Without a write-ahead log
/// nobody has the file open, and SQLite need not make one for the look.
fn looking(path: &Path) -> SqliteConnectOptions {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let nobody_writes = !Path::new(&log).exists();
    options(path).read_only(true).immutable(nobody_writes)
}

/// Opens an inbox file for reading alone.
pub(super) async fn open_inbox_read_only(path: &Path) -> Result<SqliteConnection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Missing {
            path: path.to_owned(),
        });
    }
    let mut connection = connect(looking(path), "open the inbox").await?;
    check_layout(&mut connection, path, INBOX_ID).await?;
    Ok(connection)
}

async fn connect(
    options: SqliteConnectOptions,
    doing: &'static str,
) -> Result<SqliteConnection, StoreError> {
    // Statements hold entries, which are nobody's log lines.
    options
        .disable_statement_logging()
        .connect()
        .await
        .map_err(StoreError::database(doing))
}

/// Creates the tables in one transaction, unless another process was quicker.
async fn lay_out(
    connection: &mut SqliteConnection,
    path: &Path,
    application: i64,
    layout: &'static str,
) -> Result<(), StoreError> {
    let failed = StoreError::database("lay out a new store");
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(&failed)?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *transaction)
        .await
        .map_err(&failed)?;
    if tables > 0 {
        transaction.rollback().await.map_err(&failed)?;
        return check_layout(connection, path, application).await;
    }
    sqlx::raw_sql(layout)
        .execute(&mut *transaction)
        .await
        .map_err(&failed)?;
    transaction.commit().await.map_err(&failed)
}

async fn check_layout(
    connection: &mut SqliteConnection,
    path: &Path,
    application: i64,
) -> Result<(), StoreError> {
    let failed = StoreError::database("read the store");
    let found: i64 = sqlx::query_scalar("SELECT application_id FROM pragma_application_id")
        .fetch_one(&mut *connection)
        .await
        .map_err(&failed)?;
    if found != application {
        let path = path.to_owned();
        let parts: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
            .fetch_one(&mut *connection)
            .await
            .map_err(&failed)?;
        return Err(match (found, parts) {
            (0, 0) => StoreError::Empty { path },
            _ => StoreError::Foreign { path },
        });
    }
    let found: i64 = sqlx::query_scalar("SELECT user_version FROM pragma_user_version")
        .fetch_one(&mut *connection)
        .await
        .map_err(&failed)?;
    if found != LAYOUT {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
        });
    }
    Ok(())
}

async fn read_log(connection: &mut SqliteConnection, path: &Path) -> Result<LogId, StoreError> {
    let log: String = sqlx::query_scalar("SELECT log FROM meta")
        .fetch_one(connection)
        .await
        .map_err(StoreError::database("read the journal's name"))?;
    LogId::new(log).map_err(|_| StoreError::Foreign {
        path: path.to_owned(),
    })
}
