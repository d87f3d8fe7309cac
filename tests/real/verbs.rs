//! Every verb through the real binary while an engine runs headless, and
//! between engines.

use crate::engine::{Operator, Running, until};
use crate::main_job::QUICK;
use crate::oracle::{self, act, ask, dumps, ended};
use crate::support::require_postgres;
use pilothouse::lab::{Fill, Lab, LabSpec};
use rustix::process::Signal;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A backfill of some seconds in many small chunks.
const SLOW: &str = "[chunks]\nrows_start = 100\nrows_max = 100\nrows_per_s_max = 2_000\n";

struct Stage {
    lab: Lab,
    operator: Operator,
    _files: tempfile::TempDir,
}

async fn stage(shards: u32, rows: u32, more: &str) -> Stage {
    let spec = LabSpec::scratch().shards(shards).fill(Fill::Rows(rows));
    let lab = Lab::start(spec).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let operator = Operator::of(&lab, &QUICK).with_migration(files.path(), "slow.toml", more);
    Stage {
        lab,
        operator,
        _files: files,
    }
}

impl Stage {
    async fn number(&self, sql: &str) -> i64 {
        ask(&self.lab, "s01", sql).await.unwrap()
    }

    /// Rows that the backfill of the first shard has committed.
    async fn filled(&self) -> i64 {
        let there = "SELECT to_regclass('pilothouse.chunk_log') IS NOT NULL";
        if ask::<bool>(&self.lab, "s01", there).await != Some(true) {
            return 0;
        }
        self.number("SELECT coalesce(sum(rows), 0)::bigint FROM pilothouse.chunk_log WHERE job LIKE 'fill/%'")
            .await
    }

    /// Milliseconds by the clock of the shard.
    async fn clock_ms(&self) -> i64 {
        self.number("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            .await
    }

    async fn last_chunk_ms(&self) -> i64 {
        self.number("SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM pilothouse.chunk_log")
            .await
    }

    /// Waits until the shard's clock has moved this far beyond a moment.
    async fn clock_reaches(&self, ms: i64) {
        until("time goes by", async || self.clock_ms().await >= ms).await;
    }

    async fn mid_backfill(&self, words: &[&str]) -> Running {
        let engine = self.operator.start_auto(words);
        // An earlier round has left its log until a new one begins.
        let begun = "SELECT begun = 'backfill' FROM pilothouse.registry";
        until("the backfill is under way", async || {
            self.filled().await > 0 && ask(&self.lab, "s01", begun).await == Some(true)
        })
        .await;
        engine
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_survives_the_engine_and_throttle_and_hold_are_obeyed() {
    if !require_postgres() {
        return;
    }
    let stage = stage(2, 20_000, SLOW).await;
    let (lab, operator) = (&stage.lab, &stage.operator);
    let engine = stage.mid_backfill(&["--to", "verify"]).await;
    operator
        .pilothouse("pause", &["--reason", "drill"])
        .await
        .is(0)
        .says("accepted");
    let paused = stage.clock_ms().await;
    stage.clock_reaches(paused + 1_500).await;
    // A chunk in flight may take its target of 200 ms and 250 ms more.
    let last = stage.last_chunk_ms().await;
    assert!(
        last <= paused + 450,
        "a chunk {} ms after pause",
        last - paused
    );
    operator
        .pilothouse("status", &[])
        .await
        .is(0)
        .says("paused");

    let rows = stage.filled().await;
    engine.signal(Signal::TERM);
    engine.ended().await.is(4);
    let mut engine = operator.start_auto(&["--to", "verify"]);
    engine.says("going on with rollout").await;
    stage.clock_reaches(stage.clock_ms().await + 1_500).await;
    assert_eq!(
        stage.filled().await,
        rows,
        "the pause ended with the engine"
    );
    operator.pilothouse("resume", &[]).await.is(0);
    until("the backfill goes on", async || stage.filled().await > rows).await;

    let slow = ["--rows-per-s", "400", "--reason", "drill"];
    operator.pilothouse("throttle", &slow).await.is(0);
    // What was allowed before may still come.
    stage.clock_reaches(stage.clock_ms().await + 500).await;
    let (rows, from) = (stage.filled().await, stage.clock_ms().await);
    stage.clock_reaches(from + 3_000).await;
    let (done, took) = (stage.filled().await - rows, stage.clock_ms().await - from);
    let allowed = 400 * took / 1_000;
    assert!(
        done > 0 && done <= allowed * 5 / 4 + 200,
        "{done} rows, {allowed} allowed"
    );
    operator.pilothouse("throttle", &[]).await.is(0);

    operator
        .pilothouse("hold", &["--reason", "drill"])
        .await
        .is(0);
    engine.ended().await.is(4).says("held");
    assert_eq!(ended(lab, "s01").await, "backfill");
    assert_eq!(oracle::log_gaps(lab, "s01").await, None);
    operator.pilothouse("promote", &[]).await.is(3).says("held");
    operator.run_auto(&["--to", "verify"]).await.is(4);
    assert_eq!(ended(lab, "s01").await, "backfill", "auto passed a hold");
    operator.pilothouse("release", &[]).await.is(0);
    operator
        .pilothouse("release", &[])
        .await
        .is(3)
        .says("not held");
    operator.run_auto(&["--to", "verify"]).await.is(0);
    assert_eq!(ended(lab, "s02").await, "verify");
    stage.lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_promotes_stop_by_stop() {
    if !require_postgres() {
        return;
    }
    let stage = stage(1, 1_000, "").await;
    let (lab, operator) = (&stage.lab, &stage.operator);
    let by_hand = ["--headless"];
    operator
        .pilothouse("run", &by_hand)
        .await
        .is(4)
        .says("snapshot waits for promote");
    for stop in ["expand", "dual_write", "backfill", "verify", "shift:1"] {
        if stop == "expand" {
            operator.pilothouse("promote", &[]).await.is(0);
            operator
                .pilothouse("run", &by_hand)
                .await
                .is(4)
                .says("expand waits");
        }
        operator
            .pilothouse("promote", &["--ring", "canary"])
            .await
            .is(0);
        operator
            .pilothouse("run", &by_hand)
            .await
            .is(4)
            .says("waits for promote");
        assert_eq!(ended(lab, "s01").await, stop);
    }
    operator
        .pilothouse("promote", &["--shard", "s01"])
        .await
        .is(3);
    operator
        .pilothouse("promote", &["--ring", "nobody"])
        .await
        .is(3);
    operator
        .pilothouse("rollback", &["--to", "dual_write"])
        .await
        .is(0);
    assert_eq!(ended(lab, "s01").await, "dual_write");
    operator.pilothouse("promote", &[]).await.is(3).says("held");
    operator
        .pilothouse("release", &["--ring", "canary"])
        .await
        .is(0);
    operator.run_auto(&["--to", "verify"]).await.is(0);

    // Contract by hand: the rollout must be named.
    operator.run_auto(&["--to", "shift:100"]).await.is(0);
    let id = operator.rollout_id().await;
    let canary = ["--ring", "canary", "--confirm"];
    // The soak of the flip just made is another reason to wait for.
    let refused = loop {
        let refused = operator.pilothouse("promote", &canary[..2]).await.is(3);
        if !refused.err.contains("soaks for") {
            break refused;
        }
    };
    refused.says(&format!("confirm with the rollout id {id}"));
    let another = [&canary[..], &["another"]].concat();
    operator.pilothouse("promote", &another).await.is(3);
    let named = [&canary[..], &[id.as_str()]].concat();
    operator.pilothouse("promote", &named).await.is(0);
    operator.pilothouse("run", &by_hand).await.is(4);
    assert_eq!(ended(lab, "s01").await, "retire");
    assert_eq!(oracle::stale(lab, "s01").await, Some(0));
    stage.lab.down().await.unwrap();
}

const BRANCHES: &str = "[[invariant]]\nname = \"no branch owes\"\n\
    sql = \"select not exists (select from pgbench_branches where bbalance < 0)\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_goes_on_after_retry() {
    if !require_postgres() {
        return;
    }
    let stage = stage(1, 1_000, BRANCHES).await;
    let (lab, operator) = (&stage.lab, &stage.operator);
    let before = dumps(lab);
    // Somebody forgot to commit, after preflight had looked.
    operator.run_auto(&["--to", "snapshot"]).await.is(0);
    let mut idle = lab.connect("s01", "app").await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM pgbench_accounts")
        .execute(&mut idle)
        .await
        .unwrap();
    let failed = operator
        .run_auto(&["--to", "expand"])
        .await
        .is(1)
        .says("55P03");
    assert_eq!(failed.json()["outcome"], "failed");
    assert_eq!(before, dumps(lab));
    operator.pilothouse("status", &[]).await.is(0).says("55P03");
    operator
        .pilothouse("retry", &["--shard", "s02"])
        .await
        .is(3);
    drop(idle);
    operator
        .pilothouse("resume", &[])
        .await
        .is(3)
        .says("failed: s01");
    operator
        .pilothouse("retry", &["--shard", "s01"])
        .await
        .is(0);
    // The failure had used up the budget, and that had paused the rollout:
    // the retry is the answer to both.
    operator.pilothouse("resume", &[]).await.is(3);
    operator.run_auto(&["--to", "expand"]).await.is(0);

    act(lab, "s01", "UPDATE pgbench_branches SET bbalance = -1").await;
    operator
        .run_auto(&["--to", "verify"])
        .await
        .is(1)
        .says("no branch owes");
    // Trying again cannot help while it is so.
    operator.pilothouse("retry", &[]).await.is(0);
    operator.run_auto(&["--to", "verify"]).await.is(1);
    act(lab, "s01", "UPDATE pgbench_branches SET bbalance = 0").await;
    operator.pilothouse("retry", &[]).await.is(0);
    operator.run_auto(&["--to", "verify"]).await.is(0);
    stage.lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rollback_and_abort_while_an_engine_runs_and_undo_by_hand() {
    if !require_postgres() {
        return;
    }
    let stage = stage(2, 20_000, SLOW).await;
    let (lab, operator) = (&stage.lab, &stage.operator);
    let before = dumps(lab);
    let id = operator.rollout_id().await;

    let engine = stage.mid_backfill(&["--to", "verify"]).await;
    operator
        .pilothouse("rollback", &["--reason", "drill"])
        .await
        .is(0)
        .says("accepted");
    engine.ended().await.is(4).says("rolled back");
    assert_eq!(before, dumps(lab));
    operator
        .pilothouse("abort", &["--confirm", &id])
        .await
        .is(0);

    let engine = stage.mid_backfill(&["--to", "verify"]).await;
    operator.pilothouse("pause", &[]).await.is(0);
    operator
        .pilothouse("abort", &["--confirm", "another"])
        .await
        .is(3);
    operator
        .pilothouse("abort", &["--confirm", &id])
        .await
        .is(0)
        .says("accepted");
    let ended_by = engine.ended().await.is(0);
    assert_eq!(ended_by.json()["outcome"], "aborted", "{ended_by}");
    assert_eq!(before, dumps(lab));
    operator
        .pilothouse("resume", &[])
        .await
        .is(3)
        .says("no rollout is open");

    // Again without forget, then another plan, then by hand.
    let far = operator.run_auto(&["--to", "dual_write"]).await.is(4);
    far.says("ring canary: backfill waits for promote");
    let other = operator.with_migration(lab.directory(), "other.toml", BRANCHES);
    other.run_auto(&[]).await.is(3).says("another plan");
    operator
        .pilothouse("forget", &[])
        .await
        .is(3)
        .says("is open");
    let script = operator.pilothouse("plan", &["--undo"]).await.is(0).out;
    undo_by_hand(lab, "s01", &script);
    assert_eq!(before, dumps(lab));
    operator
        .pilothouse("abort", &["--confirm", &id])
        .await
        .is(0)
        .says("aborted");
    assert_eq!(before, dumps(lab));
    operator.pilothouse("forget", &[]).await.is(0);
    other.run_auto(&["--to", "verify"]).await.is(0);
    stage.lab.down().await.unwrap();
}

/// Runs the part of the script that begins with undoing dual write, as a
/// person at psql would.
fn undo_by_hand(lab: &Lab, shard: &str, script: &str) {
    let part = script
        .split("-- shard ")
        .find(|p| p.starts_with(shard))
        .unwrap();
    let from = part.find("BEGIN;\n-- dual_write").unwrap();
    let port = lab.record().server(shard).unwrap().port.to_string();
    let mut psql = Command::new("psql")
        .args([
            "-X",
            "-q",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "migrator",
            "-d",
            "shop",
        ])
        .args(["-v", "ON_ERROR_STOP=1", "-c", "SET ROLE owner", "-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = psql.stdin.take().unwrap();
    input.write_all(&part.as_bytes()[from..]).unwrap();
    drop(input);
    let output = psql.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
}

/// Each oracle finds what it is there for.
#[tokio::test(flavor = "multi_thread")]
async fn the_oracles_can_fail() {
    if !require_postgres() {
        return;
    }
    let stage = stage(1, 1_000, "").await;
    let (lab, operator) = (&stage.lab, &stage.operator);
    let before = dumps(lab);
    operator.run_auto(&["--to", "backfill"]).await.is(0);
    assert_ne!(before, dumps(lab), "a column more");
    assert_eq!(oracle::stale(lab, "s01").await, Some(0));
    assert_eq!(oracle::log_gaps(lab, "s01").await, None);

    let broken = "SET session_replication_role = replica;
        ALTER TABLE pgbench_accounts DISABLE TRIGGER USER;
        UPDATE pgbench_accounts SET abalance_cents = 7700 WHERE aid = 500;
        UPDATE pgbench_accounts SET abalance_cents = NULL WHERE aid = 501";
    act(lab, "s01", broken).await;
    assert_eq!(oracle::stale(lab, "s01").await, Some(1 + 1));
    act(
        lab,
        "s01",
        "UPDATE pilothouse.chunk_log SET hi = '{1}' WHERE range = 0",
    )
    .await;
    assert!(oracle::log_gaps(lab, "s01").await.is_some());
    // pilothouse itself finds it too.
    operator
        .run_auto(&["--to", "verify"])
        .await
        .is(4)
        .says("our trigger");
    operator
        .pilothouse("release", &["--ring", "canary"])
        .await
        .is(0);
    operator.run_auto(&["--to", "verify"]).await.is(0);
    assert_eq!(
        oracle::stale(lab, "s01").await,
        Some(0),
        "filled and proved again"
    );

    let store = oracle::listing(&operator.store);
    std::fs::write(operator.store.join("more"), "x").unwrap();
    assert_ne!(store, oracle::listing(&operator.store));
    stage.lab.down().await.unwrap();
}
