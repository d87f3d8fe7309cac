//! The contract of a shard, on PostgreSQL.

use crate::bench::{Case, identity};
use crate::contract_cases::{Fixture, Row, Write, contract_tests};
use crate::support::require_postgres;
use pilothouse::shard::Shard;
use pilothouse::shard::postgres::PostgresShard;
use std::sync::Arc;

/// `label` becomes `tag`, both ways.
pub const LABELS: &str = r#"
[[operation]]
[operation.add_column]
table = "item"
column = { name = "tag", type = "text" }
up = "'n:' || label"
down = { label = "substr(tag, 3)" }
"#;

/// Columns in their order, constraints, indexes, triggers and rights of
/// everything that is not ours.
const DUMP: &str = "WITH mine AS (SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public')
    SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
      SELECT format('column %s %s %s %s not null %s default %s', c.relname,
          row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
          format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) AS line
        FROM mine c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE conrelid IN (SELECT oid FROM mine)
      UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM mine) AND NOT tgisinternal
      UNION ALL SELECT format('function %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      UNION ALL SELECT format('rights %s %s', relname, relacl) FROM mine) l";

pub struct PostgresFixture(Case);

impl Fixture for PostgresFixture {
    fn ready() -> bool {
        require_postgres()
    }

    async fn new(rows: u32) -> Self {
        let setup = format!(
            "CREATE TABLE item (id bigint PRIMARY KEY CHECK (id > 0), label text);
             INSERT INTO item SELECT n * 10, 'v' || n * 10 FROM generate_series(1, {rows}) AS n"
        );
        Self(Case::new(&setup, LABELS).await)
    }

    fn shard(&self) -> Arc<dyn Shard> {
        Arc::<PostgresShard>::clone(&self.0.shard)
    }

    fn rollout(&self) -> String {
        identity().id
    }

    async fn rows(&self) -> Vec<Row> {
        let columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'item'::regclass AND NOT attisdropped";
        let found = self.0.texts(columns).await;
        let has = |name: &str| found.iter().any(|c| c[0].as_deref() == Some(name));
        let old = if has("label") { "label" } else { "NULL" };
        let new = if has("tag") { "tag" } else { "NULL" };
        let sql = format!("SELECT id, {old}, {new} FROM item ORDER BY id");
        let row = |row: Vec<Option<String>>| Row {
            key: row[0].as_deref().unwrap().parse().unwrap(),
            old: row[1].clone(),
            new: row[2].clone(),
        };
        self.0.texts(&sql).await.into_iter().map(row).collect()
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
        self.0.run("app", &sql).await
    }

    async fn tamper(&self, key: i64, new: &str) {
        let sql = format!("UPDATE item SET tag = '{new}' WHERE id = {key}");
        self.0.tamper("item", &sql).await;
    }

    async fn break_dual_write(&self) {
        let sql = format!("DROP TRIGGER {} ON item", self.0.trigger().await);
        self.0.run("postgres", &sql).await.unwrap();
    }

    async fn lose_log_entry(&self, job: &str) {
        let sql = format!("DELETE FROM pilothouse.chunk_log WHERE job = '{job}' AND range = 1");
        self.0.run("postgres", &sql).await.unwrap();
    }

    async fn dump(&self) -> String {
        self.0.texts(DUMP).await[0][0].clone().unwrap()
    }

    async fn content(&self) -> String {
        let mut all = self.dump().await;
        let tables = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c
            JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('public', 'pilothouse') AND c.relkind = 'r' ORDER BY 1";
        for row in self.0.texts(tables).await {
            let name = row[0].clone().unwrap();
            let sql = format!("SELECT t::text FROM {name} AS t ORDER BY 1");
            all.push_str(&format!("\n{name}: {:?}", self.0.texts(&sql).await));
        }
        let counters =
            "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2";
        all.push_str(&format!("\n{:?}", self.0.texts(counters).await));
        let functions = "SELECT oid::regprocedure, xmin FROM pg_proc p WHERE pronamespace::regnamespace::text IN ('public', 'pilothouse') ORDER BY 1";
        all.push_str(&format!("\n{:?}", self.0.texts(functions).await));
        all
    }
}

contract_tests!(PostgresFixture);
