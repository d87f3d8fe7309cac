//! What the application feels, and how quickly a pause takes hold.

use super::Figure;
use super::stage::{Stage, run};
use pilothouse::lab::{Binaries, Lab};
use sqlx::Row;
use std::process::Command;
use std::time::{Duration, Instant};

/// Rows per second that the throttled backfill is allowed.
const CAP: u64 = 20_000;

pub async fn figures(lab: &Lab) -> Vec<Figure> {
    let capped = format!("ranges = 1\nrows_per_s_max = {CAP}\ntarget = \"50ms\"");
    let stage = Stage::new(lab, &capped);
    stage.reset().await;
    let quiet = p99_ms(lab);
    stage.run_to("dual_write");
    let triggers = p99_ms(lab);
    let mut engine = stage.start("backfill");
    wait_for_chunks(&stage).await;
    let busy = p99_ms(lab);
    let again = pause(&stage).await;
    engine.kill().unwrap();
    engine.wait().unwrap();
    let quiet_again = {
        stage.reset().await;
        p99_ms(lab)
    };
    let base = f64::midpoint(quiet, quiet_again);
    vec![
        Figure::new(
            "foreground p99, quiet (before and after)",
            format!("{quiet:.2} ms, {quiet_again:.2} ms"),
            "–",
        ),
        Figure::new(
            "foreground p99, triggers only, against quiet",
            format!("{:.2} ({triggers:.2} ms)", triggers / base),
            "–",
        ),
        Figure::new(
            format!("foreground p99, backfill capped at {CAP} rows/s, against quiet"),
            format!("{:.2} ({busy:.2} ms)", busy / base),
            "≤ 1.25",
        ),
        Figure::new(
            "pause: last commit after the order, by the shard's clock",
            format!("{again} ms"),
            "≤ target 50 ms + 250 ms",
        ),
    ]
}

async fn wait_for_chunks(stage: &Stage<'_>) {
    let mut connection = stage.connect().await;
    let limit = Instant::now() + Duration::from_secs(30);
    while Instant::now() < limit {
        let found = sqlx::query("SELECT count(*) FROM pilothouse.chunk_log")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        if found.get::<i64, _>(0) > 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the backfill did not begin");
}

/// p99 of single-row updates at a fixed rate, from pgbench's own log.
pub fn p99_ms(lab: &Lab) -> f64 {
    let binaries = Binaries::locate().unwrap();
    let root = lab.directory().to_path_buf();
    let script = root.join("foreground.sql");
    std::fs::write(
        &script,
        "\\set aid random(1, 1000000)\nUPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;\n",
    )
    .unwrap();
    let address = lab.address("s01").unwrap();
    let prefix = root.join(format!("latency-{}", std::process::id()));
    let done = Command::new(binaries.directory().join("pgbench"))
        .args([
            "-n",
            "-c",
            "2",
            "-j",
            "1",
            "-T",
            "10",
            "-R",
            "200",
            "-l",
            "-U",
            "app",
            "-h",
            "127.0.0.1",
        ])
        .arg("--log-prefix")
        .arg(&prefix)
        .args(["-p", &address.port.to_string(), "-f"])
        .arg(&script)
        .arg("shop")
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let mut times: Vec<f64> = Vec::new();
    for file in std::fs::read_dir(&root).unwrap().flatten() {
        if !file.file_name().to_string_lossy().starts_with("latency-") {
            continue;
        }
        let text = std::fs::read_to_string(file.path()).unwrap();
        times.extend(
            text.lines()
                .filter_map(|l| l.split(' ').nth(2)?.parse::<f64>().ok()),
        );
        std::fs::remove_file(file.path()).unwrap();
    }
    times.sort_by(f64::total_cmp);
    times[times.len() * 99 / 100] / 1_000.0
}

/// Milliseconds from the order to the last commit of a chunk.
async fn pause(stage: &Stage<'_>) -> i64 {
    let mut connection = stage.connect().await;
    run(
        &mut connection,
        "CREATE TABLE IF NOT EXISTS bench_order (at timestamptz)",
    )
    .await;
    run(
        &mut connection,
        "INSERT INTO bench_order VALUES (clock_timestamp())",
    )
    .await;
    stage.verb(&["pause", "--reason", "bench"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let statement =
        "SELECT greatest(0, (extract(epoch FROM (SELECT max(at) FROM pilothouse.chunk_log) -
        (SELECT max(at) FROM bench_order)) * 1000))::bigint";
    let row = sqlx::query(statement)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let took = row.get(0);
    run(&mut connection, "DROP TABLE bench_order").await;
    took
}
