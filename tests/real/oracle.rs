//! What must hold, looked at from outside pilothouse.

use pilothouse::lab::ledger::{Columns, Ledger, check, fetch};
use pilothouse::lab::{Binaries, Lab};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One value of one shard.
pub async fn ask<T>(lab: &Lab, shard: &str, sql: &str) -> Option<T>
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let mut session = lab.connect(shard, "postgres").await.unwrap();
    let row = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .fetch_optional(&mut session)
        .await
        .unwrap();
    row.and_then(|row| row.try_get_unchecked::<Option<T>, _>(0).unwrap())
}

/// Runs statements on one shard as the superuser.
pub async fn act(lab: &Lab, shard: &str, sql: &str) {
    let mut session = lab.connect(shard, "postgres").await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut session)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// The stop whose end a shard shows, empty if it knows none.
pub async fn ended(lab: &Lab, shard: &str) -> String {
    let there = "SELECT to_regclass('pilothouse.registry') IS NOT NULL";
    if ask::<bool>(lab, shard, there).await != Some(true) {
        return String::new();
    }
    let ended: Option<String> = ask(lab, shard, "SELECT ended FROM pilothouse.registry").await;
    ended.unwrap_or_default()
}

fn pg_dump(lab: &Lab, shard: &str, options: &[&str]) -> String {
    let port = lab.record().server(shard).unwrap().port;
    dump_of(port, "shop", options)
}

/// The schema of one database without ours.
pub fn schema(port: u16, database: &str) -> String {
    schema_but(port, database, &["pilothouse"])
}

/// The schema of one database without ours and without another one.
pub fn schema_without(port: u16, database: &str, other: &str) -> String {
    schema_but(port, database, &["pilothouse", other])
}

/// The same without these schemas either.
pub fn schema_without_all(port: u16, database: &str, others: &[String]) -> String {
    let quoted: Vec<String> = others.iter().map(|name| format!("\"{name}\"")).collect();
    let mut skip = vec!["pilothouse"];
    skip.extend(quoted.iter().map(String::as_str));
    schema_but(port, database, &skip)
}

fn schema_but(port: u16, database: &str, skip: &[&str]) -> String {
    if !program("pg_dump").exists() {
        return catalog_dump(port, database, skip);
    }
    let skip = skip.iter().map(|s| format!("--exclude-schema={s}"));
    let options: Vec<String> = ["--schema-only".to_owned()]
        .into_iter()
        .chain(skip)
        .collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    dump_of(port, database, &options)
}

fn program(name: &str) -> PathBuf {
    Binaries::locate().unwrap().directory().join(name)
}

/// The same out of the catalog, where the server came without pg_dump: none
/// but its own reads a newer server. psql is found on the path.
fn catalog_dump(port: u16, database: &str, skip: &[&str]) -> String {
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/catalog_dump.sql");
    let port = port.to_string();
    let skip = format!("skip={}", skip.join(","));
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
    command.args(["-v", "ON_ERROR_STOP=1", "-v", &skip, "-d", database, "-f"]);
    let output = command.arg(text).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "psql: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn dump_of(port: u16, database: &str, options: &[&str]) -> String {
    let program = program("pg_dump");
    let help = Command::new(&program).arg("--help").output().unwrap();
    let knows_key = String::from_utf8_lossy(&help.stdout).contains("--restrict-key");
    let port = port.to_string();
    let mut command = Command::new(program);
    command.args([
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-U",
        "postgres",
        "-d",
        database,
    ]);
    command.args(options);
    if knows_key {
        command.arg("--restrict-key=x");
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "pg_dump: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let kept = text
        .lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
    kept.collect::<Vec<_>>().join("\n")
}

/// The schema without ours: what a rollback has to bring back.
pub fn dump(lab: &Lab, shard: &str) -> String {
    pg_dump(
        lab,
        shard,
        &["--schema-only", "--exclude-schema=pilothouse"],
    )
}

/// Schema and rows, ours too: what a command that only looks must not change.
pub fn everything(lab: &Lab, shard: &str) -> String {
    pg_dump(lab, shard, &[])
}

/// The dumps of every shard.
pub fn dumps(lab: &Lab) -> BTreeMap<String, String> {
    let shards = lab.shards().into_iter();
    shards.map(|s| (s.to_owned(), dump(lab, s))).collect()
}

/// Files of a directory with their content.
pub fn listing(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return BTreeMap::new();
    };
    let files = entries.map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    });
    files.collect()
}

/// Columns with type, default and NOT NULL, in alphabetical order.
pub async fn columns(lab: &Lab, shard: &str) -> String {
    let sql =
        "SELECT string_agg(format('%s %s %s %s', a.attname, format_type(a.atttypid, a.atttypmod),
            a.attnotnull, pg_get_expr(d.adbin, d.adrelid)), E'\\n' ORDER BY a.attname)
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = 'pgbench_accounts'::regclass AND a.attnum > 0 AND NOT a.attisdropped";
    ask(lab, shard, sql).await.unwrap()
}

/// The ledgers of one shard against its table. Nobody may write any more.
pub async fn ledger_holds(lab: &Lab, shard: &str, ledgers: &[Ledger], columns: Columns) -> u64 {
    let mut session = lab.connect(shard, "app").await.unwrap();
    let table = fetch(&mut session, columns).await.unwrap();
    let mut acknowledged = 0;
    for ledger in ledgers {
        let report = check(ledger, &table);
        assert!(report.is_clean(), "{shard}: {report:?}");
        acknowledged += report.acknowledged;
    }
    acknowledged
}

/// What is wrong with the chunk log of a shard: pieces that do not join.
pub async fn log_gaps(lab: &Lab, shard: &str) -> Option<String> {
    let sql = "SELECT string_agg(what, '; ') FROM (
        SELECT format('%s range %s chunk %s', job, range, n) AS what FROM (
            SELECT *, lag(hi) OVER (PARTITION BY job, range ORDER BY n) AS before,
                row_number() OVER (PARTITION BY job, range ORDER BY n) AS place
            FROM pilothouse.chunk_log) l
        WHERE place > 1 AND lo IS DISTINCT FROM before
        UNION ALL
        SELECT format('%s range %s: log reaches %s, checkpoint %s', c.job, c.range, l.hi, c.cursor)
        FROM pilothouse.checkpoint c LEFT JOIN (SELECT job, range, (array_agg(hi[1] ORDER BY n DESC))[1] AS hi,
            sum(rows) AS rows FROM pilothouse.chunk_log GROUP BY job, range) l USING (job, range)
        WHERE c.chunks > 0 AND (l.hi IS DISTINCT FROM c.cursor[1] OR l.rows IS DISTINCT FROM c.rows)
        UNION ALL
        SELECT format('%s range %s does not join the one before', job, range) FROM (
            SELECT *, lag(hi) OVER (PARTITION BY job ORDER BY range) AS before FROM pilothouse.checkpoint) c
        WHERE range > 0 AND lo IS DISTINCT FROM before) w";
    ask(lab, shard, sql).await
}

/// Wrong rows at one moment, in one snapshot: rows that are filled, and once
/// the shard says that backfill has ended, every row.
async fn wrong_rows(session: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let sql = "SELECT count(*) FROM pgbench_accounts WHERE
        (abalance_cents IS NOT NULL OR (SELECT ended IN ('backfill', 'verify', 'retire') OR ended LIKE 'shift:%'
            FROM pilothouse.registry))
        AND abalance_cents IS DISTINCT FROM abalance::bigint * 100
        AND abalance IS DISTINCT FROM (abalance_cents / 100)::int";
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *session)
        .await?;
    let found = sqlx::raw_sql(sql).fetch_one(&mut *session).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut *session).await?;
    found?.try_get_unchecked(0)
}

/// Wrong rows of a shard now; nothing while there is no new column.
pub async fn stale(lab: &Lab, shard: &str) -> Option<i64> {
    let mut session = lab.connect(shard, "postgres").await.unwrap();
    wrong_rows(&mut session).await.ok()
}

/// Looks at every shard again and again while a test goes on.
pub struct StaleWatch {
    stop: watch::Sender<()>,
    tasks: Vec<JoinHandle<Seen>>,
}

/// What a watch has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Snapshots in which both forms were there.
    pub looks: u64,
    /// Wrong rows in all of them.
    pub wrong: i64,
}

const LOOK_EVERY: Duration = Duration::from_millis(300);

impl StaleWatch {
    pub async fn start(lab: &Lab) -> Self {
        let (stop, stopped) = watch::channel(());
        let mut tasks = Vec::new();
        for shard in lab.shards() {
            let mut session = lab.connect(shard, "postgres").await.unwrap();
            let mut stopped = stopped.clone();
            tasks.push(tokio::spawn(async move {
                let mut seen = Seen::default();
                let mut ticks = tokio::time::interval(LOOK_EVERY);
                loop {
                    tokio::select! {
                        _ = stopped.changed() => return seen,
                        _ = ticks.tick() => {}
                    }
                    if let Ok(wrong) = wrong_rows(&mut session).await {
                        seen.looks += 1;
                        seen.wrong += wrong;
                    }
                }
            }));
        }
        Self { stop, tasks }
    }

    /// The sum over all shards.
    pub async fn stop(self) -> Seen {
        drop(self.stop);
        let mut all = Seen::default();
        for task in self.tasks {
            let seen = task.await.unwrap();
            all.looks += seen.looks;
            all.wrong += seen.wrong;
        }
        all
    }
}
