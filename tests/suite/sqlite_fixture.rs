//! A SQLite file as the contract sees it.

use crate::contract_cases::{Fixture, Row, Write, route};
use pilothouse::base::{Digest, Fault, Ident, MigrationName, ShardName, Stop};
use pilothouse::migration::{
    AddColumn, Chunks, Fill, Migration, Operation, TableName, UserTriggers,
};
use pilothouse::shard::sqlite::{SqlitePlace, SqliteShard};
use pilothouse::shard::{RolloutIdentity, Shard, ShareSeen, ShareSwitch};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row as _, SqliteConnection};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Flags in memory; clients see them at once, unless they are named here.
#[derive(Default)]
pub struct Flags {
    pub percent: Mutex<BTreeMap<ShardName, u8>>,
    pub behind: Mutex<Vec<String>>,
}

impl ShareSwitch for Flags {
    fn set<'a>(
        &'a self,
        shard: &'a ShardName,
        percent: u8,
    ) -> futures_util::future::BoxFuture<'a, Result<(), Fault>> {
        self.percent.lock().unwrap().insert(shard.clone(), percent);
        Box::pin(std::future::ready(Ok(())))
    }

    fn seen<'a>(
        &'a self,
        _: &'a ShardName,
        _: u8,
    ) -> futures_util::future::BoxFuture<'a, Result<ShareSeen, Fault>> {
        let behind = self.behind.lock().unwrap().clone();
        Box::pin(std::future::ready(Ok(ShareSeen { clients: 3, behind })))
    }
}

pub fn ident(name: &str) -> Ident {
    Ident::new(name).unwrap()
}

pub fn table(name: &str) -> TableName {
    TableName {
        schema: ident("public"),
        table: ident(name),
    }
}

pub fn add_column(of: &str, column: &str, up: &str, down: &[(&str, &str)]) -> AddColumn {
    AddColumn {
        comment: None,
        table: table(of),
        column: ident(column),
        sql_type: "TEXT".into(),
        nullable: true,
        default: None,
        up: Some(up.into()),
        down: down
            .iter()
            .map(|(c, e)| (ident(c), (*e).to_owned()))
            .collect(),
        fill: Fill::Always,
    }
}

pub fn migration(operations: Vec<Operation>) -> Migration {
    Migration {
        versions: Default::default(),
        name: MigrationName::new("labels").unwrap(),
        description: "label becomes tag".into(),
        user_triggers: UserTriggers::Refuse,
        operations,
        chunks: Chunks::default(),
        invariants: Vec::new(),
        clients: Vec::new(),
        waivers: Vec::new(),
    }
}

pub fn labels() -> Migration {
    let down = [("label", "substr(tag, 3)")];
    let add = add_column("item", "tag", "'n:' || label", &down);
    migration(vec![Operation::AddColumn(add)])
}

pub fn identity() -> RolloutIdentity {
    RolloutIdentity {
        id: "r-1".into(),
        plan_digest: Digest::of("test", &[b"plan"]),
        shard_set_digest: Digest::of("test", &[b"shards"]),
    }
}

pub fn open(name: &str, path: &Path, migration: &Migration, flags: &Arc<Flags>) -> SqliteShard {
    let place = SqlitePlace {
        name: ShardName::new(name).unwrap(),
        path: path.to_owned(),
        replicas: Vec::new(),
    };
    let flags = Arc::clone(flags);
    SqliteShard::open(place, migration, identity(), &route(), flags).unwrap()
}

/// One connection of the application.
pub async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(std::time::Duration::from_secs(5))
        .connect()
        .await
        .unwrap()
}

pub async fn run(path: &Path, sql: &str) -> Result<(), String> {
    let mut conn = connect(path).await;
    let done = conn.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await;
    done.map(|_| ()).map_err(|error| error.to_string())
}

pub async fn texts(path: &Path, sql: &str) -> Vec<Vec<Option<String>>> {
    let mut conn = connect(path).await;
    let rows = conn.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await;
    let text = |row: &sqlx::sqlite::SqliteRow| {
        (0..row.len())
            .map(|i| row.try_get_unchecked::<Option<String>, _>(i).unwrap())
            .collect()
    };
    rows.unwrap().iter().map(text).collect()
}

pub async fn dump(path: &Path) -> String {
    let sql = "SELECT type, name, sql FROM sqlite_schema \
               WHERE name NOT LIKE '%pilothouse\\_%' ESCAPE '\\' ORDER BY type, name";
    format!("{:#?}", texts(path, sql).await)
}

pub struct SqliteFixture {
    pub folder: TempDir,
    pub path: PathBuf,
    pub flags: Arc<Flags>,
    shard: Arc<SqliteShard>,
}

impl SqliteFixture {
    /// A file made by this SQL, and a migration over it.
    pub async fn with(sql: &str, migration: &Migration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard.db");
        run(&path, sql).await.unwrap();
        let flags = Arc::<Flags>::default();
        let shard = Arc::new(open("s1", &path, migration, &flags));
        Self {
            folder,
            path,
            flags,
            shard,
        }
    }
}

pub const ITEMS: &str = "CREATE TABLE item (
  id INTEGER PRIMARY KEY, -- walked by this
  label TEXT,
  CHECK (id > 0)
);
CREATE TABLE other (a, b);
";

impl Fixture for SqliteFixture {
    async fn new(rows: u32) -> Self {
        let fill = format!(
            "{ITEMS} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             INSERT INTO item SELECT i * 10, 'v' || (i * 10) FROM n WHERE i <= {rows};"
        );
        Self::with(&fill, &labels()).await
    }

    fn shard(&self) -> Arc<dyn Shard> {
        Arc::<SqliteShard>::clone(&self.shard)
    }

    fn rollout(&self) -> String {
        identity().id
    }

    async fn rows(&self) -> Vec<Row> {
        let found = texts(&self.path, "SELECT name FROM pragma_table_info('item')").await;
        let has = |name: &str| found.iter().any(|c| c[0].as_deref() == Some(name));
        let old = if has("label") { "label" } else { "NULL" };
        let new = if has("tag") { "tag" } else { "NULL" };
        let sql = format!("SELECT id, {old}, {new} FROM item ORDER BY id");
        let row = |row: Vec<Option<String>>| Row {
            key: row[0].as_deref().unwrap().parse().unwrap(),
            old: row[1].clone(),
            new: row[2].clone(),
        };
        texts(&self.path, &sql).await.into_iter().map(row).collect()
    }

    async fn write(&self, write: Write) -> Result<(), String> {
        let sql = match write {
            Write::Insert { key, old } => {
                format!("INSERT INTO item (id, label) VALUES ({key}, '{old}')")
            }
            Write::Update { key, old } => {
                format!("UPDATE item SET label = '{old}' WHERE id = {key}")
            }
            Write::Move { from, to } => format!("UPDATE item SET id = {to} WHERE id = {from}"),
            Write::Delete { key } => format!("DELETE FROM item WHERE id = {key}"),
            Write::InsertNew { key, new } => {
                format!("INSERT INTO item (id, tag) VALUES ({key}, '{new}')")
            }
            Write::UpdateNew { key, new } => {
                format!("UPDATE item SET tag = '{new}' WHERE id = {key}")
            }
        };
        run(&self.path, &sql).await
    }

    async fn tamper(&self, key: i64, new: &str) {
        let version = texts(&self.path, "PRAGMA schema_version").await[0][0]
            .clone()
            .unwrap();
        let triggers = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
        let mut sql = "BEGIN IMMEDIATE;".to_owned();
        let mut again = String::new();
        for row in texts(&self.path, triggers).await {
            sql.push_str(&format!("DROP TRIGGER {};", row[0].as_deref().unwrap()));
            again.push_str(&format!("{};", row[1].as_deref().unwrap()));
        }
        sql.push_str(&format!(
            "UPDATE item SET tag = '{new}' WHERE id = {key}; {again} PRAGMA schema_version = {version}; COMMIT;"
        ));
        run(&self.path, &sql).await.unwrap();
    }

    async fn break_dual_write(&self) {
        let triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
        for row in texts(&self.path, triggers).await {
            let sql = format!("DROP TRIGGER {}", row[0].as_deref().unwrap());
            run(&self.path, &sql).await.unwrap();
        }
    }

    async fn lose_log_entry(&self, job: &str) {
        let sql =
            format!("DELETE FROM pilothouse_chunk_log WHERE job = '{job}' AND range = 1 AND n = 2");
        run(&self.path, &sql).await.unwrap();
    }

    async fn dump(&self) -> String {
        dump(&self.path).await
    }

    async fn content(&self) -> String {
        let mut all = format!(
            "{:?}",
            texts(&self.path, "SELECT * FROM sqlite_schema").await
        );
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        for row in texts(&self.path, tables).await {
            let name = row[0].clone().unwrap();
            let rows = texts(&self.path, &format!("SELECT * FROM {name}")).await;
            all.push_str(&format!("\n{name}: {rows:?}"));
        }
        all
    }
}

/// Every stop but the last, which cannot be undone to the same schema.
pub fn before_drop() -> Vec<Stop> {
    let mut route = route();
    route.pop();
    route
}
