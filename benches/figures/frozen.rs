//! One shard stands still: how many chunks the others still do.

use crate::stage::Stage;
use crate::{Figure, ratio, setting};
use pilothouse::lab::{Fill, Lab, LabSpec};
use sqlx::Connection;
use std::time::Duration;

/// Capped, so that the machine's own limit does not tell who is frozen: the
/// processor time of a frozen server would go to the others.
const CHUNKS: &str = "target = \"100ms\"\nrows_start = 100\nrows_min = 10\nrows_max = 200\nranges = 2\nrows_per_s_max = 2000";

/// How long the chunks of one round are counted.
const ROUND: Duration = Duration::from_secs(6);

/// Every shard in one ring: all of them backfill at the same time.
fn one_ring(stage: &Stage<'_>) {
    let text = std::fs::read_to_string(&stage.fleet).unwrap();
    let text = text
        .replace("\n[[ring]]\nname = \"early\"\n", "")
        .replace("\n[[ring]]\nname = \"broad\"\n", "")
        .replace("ring = \"early\"", "ring = \"canary\"")
        .replace("ring = \"broad\"", "ring = \"canary\"");
    std::fs::write(&stage.fleet, text).unwrap();
}

/// Chunks that these shards have committed so far.
async fn chunks(lab: &Lab, shards: &[&str]) -> u64 {
    let mut sum = 0;
    for shard in shards {
        let mut connection = lab.connect(shard, "postgres").await.unwrap();
        let sql = "SELECT coalesce(sum(chunks), 0)::int8 FROM pilothouse.checkpoint";
        // Before expand there is no such table.
        let count: i64 = sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap_or(0);
        connection.close().await.unwrap();
        sum += u64::try_from(count).unwrap();
    }
    sum
}

async fn round(lab: &Lab, shards: &[&str]) -> f64 {
    let before = chunks(lab, shards).await;
    tokio::time::sleep(ROUND).await;
    (chunks(lab, shards).await - before) as f64
}

pub async fn figures() -> Vec<Figure> {
    let spec = LabSpec::scratch()
        .shards(3)
        .standbys(0)
        .fill(Fill::Scale(2));
    let lab = Lab::start(spec).await.unwrap();
    let stage = Stage::new(&lab, CHUNKS);
    one_ring(&stage);
    let mut engine = stage.start("backfill");
    while chunks(&lab, &["s01", "s02", "s03"]).await < 30 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let others = ["s01", "s03"];
    let mut shares = Vec::new();
    for _ in 0..setting("PILOTHOUSE_BENCH_ROUNDS", 3) {
        let calm = round(&lab, &others).await;
        lab.freeze("s02").await.unwrap();
        let alone = round(&lab, &others).await;
        lab.thaw("s02").await.unwrap();
        shares.push(alone / calm);
    }
    // What is left of the backfill is of no interest.
    engine.kill().unwrap();
    engine.wait().unwrap();
    lab.down().await.unwrap();
    vec![ratio(
        "chunks of two shards while the third stands still, to chunks while it does not",
        &shares,
        "≥ 0.9",
    )]
}
