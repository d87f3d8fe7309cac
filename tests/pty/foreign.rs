//! Text of a database never drives the terminal: not the title, not a mode,
//! not the clipboard.

use crate::scanner::{count, foreign};
use crate::terminal::Pty;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Title, clipboard, screen, mouse, reset, eight bits, right to left.
const EVIL: &str =
    "\u{1b}]0;owned\u{7}\u{1b}]52;c;b3duZWQ=\u{7}\u{1b}[?1049l\u{1b}[?1000h\u{1b}c\u{9b}2J\u{202e}";

/// A fleet of one file whose trigger refuses every change with such a text,
/// and bears such a name.
pub struct Fleet {
    folder: TempDir,
}

impl Fleet {
    pub fn new() -> Self {
        let fleet = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(fleet.path("flags")).unwrap();
        std::fs::write(fleet.path("fleet.toml"), FLEET).unwrap();
        std::fs::write(fleet.path("migration.toml"), MIGRATION).unwrap();
        let sql = format!(
            "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
             INSERT INTO account VALUES (1, 10), (2, 20), (3, 30);
             CREATE TRIGGER \"guard {EVIL}\" BEFORE UPDATE ON account
             BEGIN SELECT RAISE(ABORT, 'not today {EVIL} said the guard'); END;"
        );
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(run(&fleet.path("s01.db"), sql));
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn args(&self) -> Vec<String> {
        let path = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let words = ["run", "--promote", "auto", "--fleet"].map(str::to_owned);
        let mut args = words.to_vec();
        args.extend([
            path("fleet.toml"),
            "--migration".into(),
            path("migration.toml"),
        ]);
        args
    }
}

const FLEET: &str = r#"
name = "odd"
store = "store"
[environment]
name = "test"
production = false
[policy]
attempts_max = 1
[flags]
directory = "flags"
[[ring]]
name = "canary"
[[shard]]
name = "s01"
ring = "canary"
candidates = ["sqlite:s01.db"]
"#;

const MIGRATION: &str = r#"
name = "balance-cents"
description = "Keep balances in cents"
user_triggers = "fire"
[[operation]]
[operation.add_column]
table = "account"
column = { name = "balance_cents", type = "integer", nullable = false, default = "0" }
up = "balance * 100"
down = { balance = "balance_cents / 100" }
"#;

pub async fn run(path: &Path, sql: String) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
}

#[test]
fn a_failure_text_full_of_sequences_is_shown_and_does_nothing() {
    let fleet = Fleet::new();
    let mut pty = Pty::start((120, 40), &fleet.args());
    pty.wait_text("1 failed");
    pty.press("\r");
    // In full, and harmless.
    pty.wait_text("not today \\u{1b}]0;owned\\u{7}");
    pty.press("\u{1b}[27u:retry s01\r");
    pty.wait_text("Retry shard s01?");
    pty.press("\u{3}");
    let left = pty.left();
    assert_eq!(foreign(&left.bytes), Vec::<String>::new());
    for once in ["\u{1b}[?1049h", "\u{1b}[?1049l", "\u{1b}[?2004l"] {
        assert_eq!(count(&left.bytes, once), 1, "{once:?}");
    }
}

#[test]
fn a_headless_run_escapes_it_too() {
    let fleet = Fleet::new();
    let mut args = fleet.args();
    args.push("--headless".into());
    let left = Pty::start((120, 40), &args).left();
    assert!(left.text.contains("not today"), "{}", left.text);
    assert_eq!(foreign(&left.bytes), Vec::<String>::new());
    assert_eq!(left.code, 1, "{}", left.text);
}
