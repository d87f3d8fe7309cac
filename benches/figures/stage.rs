//! Drives the real program on a lab, and resets the table between rounds.

use pilothouse::base::{Stop, Timestamp};
use pilothouse::engine::fact;
use pilothouse::lab::Lab;
use pilothouse::rollout::Event;
use pilothouse::store::Store;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A rollout of the example migration on a lab.
pub struct Stage<'a> {
    pub lab: &'a Lab,
    pub fleet: PathBuf,
    pub migration: PathBuf,
}

pub async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .unwrap();
}

impl<'a> Stage<'a> {
    /// With these chunk settings.
    pub fn new(lab: &'a Lab, chunks: &str) -> Self {
        let example =
            std::fs::read_to_string("config/examples/pgbench-balance-cents.toml").unwrap();
        let settings: Vec<&str> = chunks.lines().filter_map(|l| l.split('=').next()).collect();
        let kept: Vec<&str> = example
            .lines()
            .filter(|l| {
                !settings
                    .iter()
                    .any(|s| l.starts_with(s.trim()) && l.contains('='))
                    && *l != "[chunks]"
            })
            .collect();
        let text = kept.join("\n").replacen(
            "[[operation]]",
            &format!("[chunks]\n{chunks}\n\n[[operation]]"),
            1,
        );
        Self::of(lab, &text)
    }

    /// Of a migration.
    pub fn of(lab: &'a Lab, text: &str) -> Self {
        let root = lab.directory();
        let migration = root.join("bench.toml");
        std::fs::write(&migration, text).unwrap();
        let fleet = root.join("bench-fleet.toml");
        let text = std::fs::read_to_string(lab.fleet_file()).unwrap();
        let quick = text
            .replace("soak = \"2s\"", "soak = \"0s\"")
            .replace("quiet = \"3s\"", "quiet = \"0s\"");
        std::fs::write(&fleet, quick).unwrap();
        Self {
            lab,
            fleet,
            migration,
        }
    }

    pub async fn connect(&self) -> PgConnection {
        self.lab.connect("s01", "postgres").await.unwrap()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pilothouse"));
        command
            .args(words)
            .arg("--fleet")
            .arg(&self.fleet)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub fn start(&self, to: &str) -> Child {
        let words = ["run", "--headless", "--promote", "auto", "--to", to];
        self.command(&words)
            .arg("--migration")
            .arg(&self.migration)
            .spawn()
            .unwrap()
    }

    pub fn run_to(&self, to: &str) {
        assert!(self.start(to).wait().unwrap().success(), "run --to {to}");
    }

    pub fn verb(&self, words: &[&str]) {
        assert!(self.command(words).status().unwrap().success(), "{words:?}");
    }

    /// How long the newest pass through a stop took, by the journal, in ms.
    pub async fn took_ms(&self, wanted: Stop) -> u64 {
        let reader = Store::open_read_only(&self.lab.layout().store())
            .await
            .unwrap();
        let (mut begun, mut done) = (Timestamp(0), Timestamp(0));
        for entry in reader.entries(1).await.unwrap() {
            match fact(&entry).unwrap().event {
                Event::StageBegun { stop, .. } if stop == wanted => begun = entry.at,
                Event::StageDone { stop, .. } if stop == wanted => done = entry.at,
                _ => {}
            }
        }
        done.since(begun).ms()
    }

    /// Undoes everything and makes the table anew, warm and without bloat.
    pub async fn reset(&self) {
        let id = self.open_rollout().await;
        if let Some(id) = id {
            self.verb(&["abort", "--confirm", &id, "--reason", "next round"]);
            self.verb(&["forget"]);
        }
        let mut connection = self.connect().await;
        run(&mut connection, "CREATE TABLE IF NOT EXISTS seed AS SELECT aid, bid, abalance, filler FROM pgbench_accounts").await;
        run(&mut connection, "TRUNCATE pgbench_accounts").await;
        run(&mut connection, "INSERT INTO pgbench_accounts (aid, bid, abalance, filler) SELECT aid, bid, aid % 1000, filler FROM seed").await;
        run(&mut connection, "VACUUM (ANALYZE) pgbench_accounts").await;
        run(&mut connection, "CHECKPOINT").await;
        connection.close().await.unwrap();
    }

    async fn open_rollout(&self) -> Option<String> {
        let store = self.lab.layout().store();
        if !store.join("journal.db").exists() {
            return None;
        }
        let reader = Store::open_read_only(&store).await.unwrap();
        let (state, _) = pilothouse::engine::replay(&reader.entries(1).await.unwrap()).unwrap();
        state.open().map(|r| r.opening.id.clone())
    }
}
