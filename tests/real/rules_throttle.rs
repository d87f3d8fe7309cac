//! The throttle, fed by real servers: closed within one poll, counted in
//! polls and never in seconds.

use crate::bench::{connect, endpoint, open, read, run_on, spec, texts_on};
use crate::support::{lab, require_postgres};
use pilothouse::base::{Period, Timestamp};
use pilothouse::engine::Throttle;
use pilothouse::fleet::ThrottleLimits;
use pilothouse::lab::Lab;
use pilothouse::rollout::ThrottleReason;
use pilothouse::shard::postgres::PostgresShard;
use pilothouse::shard::{Measurement, SessionRole, Shard as _};
use pilothouse::worker::{Op, Reply, ShardCall};
use std::process::{Command, Stdio};

const CENTS: &str = r#"
[[operation]]
[operation.add_column]
table = "pgbench_accounts"
column = { name = "abalance_cents", type = "bigint", nullable = false }
up = "abalance::bigint * 100"
down = { abalance = "(abalance_cents / 100)::int" }
"#;

fn limits() -> ThrottleLimits {
    ThrottleLimits {
        poll: Period::from_ms(250),
        stale_after: Period::from_ms(3_000),
        replica_lag: Some(Period::from_ms(5_000)),
        active_sessions: None,
        slot_wal_bytes: None,
        oldest_transaction: None,
        archive_segments: None,
        disk_free_bytes: None,
    }
}

fn port(lab: &Lab, server: &str) -> u16 {
    lab.record().server(server).unwrap().port
}

/// The first shard with its standby; our schema and its heartbeat are there.
async fn shard(lab: &Lab) -> PostgresShard {
    let at = |server| endpoint(port(lab, server), "shop");
    let spec = spec(vec![at("s01")], vec![at("s01-r1")]);
    let shard = match open(&spec, &read(CENTS)).await {
        Ok(shard) => shard,
        Err(found) => panic!("{found}"),
    };
    let op = Op::TakeOver { known_epoch: 0 };
    let taken = shard
        .session(SessionRole::Lead)
        .call(ShardCall { epoch: 0, op })
        .await;
    assert_eq!(taken, Reply::TakenOver { epoch: 1 });
    shard
}

/// One poll.
async fn poll(
    shard: &PostgresShard,
    throttle: &mut Throttle,
    limits: &ThrottleLimits,
) -> Vec<ThrottleReason> {
    throttle.judge(limits, &shard.measure().await, Timestamp(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn replication_that_stands_still_closes_within_one_poll() {
    if !require_postgres() {
        return;
    }
    let lab = lab(1, 1).await;
    let shard = shard(&lab).await;
    let (limits, mut throttle) = (limits(), Throttle::default());
    for number in 1..=50 {
        let reasons = poll(&shard, &mut throttle, &limits).await;
        assert!(
            reasons.is_empty(),
            "idle and healthy, poll {number}: {reasons:?}"
        );
    }
    lab.pause_replay("s01-r1").await.unwrap();
    let reasons = poll(&shard, &mut throttle, &limits).await;
    let place = format!("127.0.0.1:{}", port(&lab, "s01-r1"));
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!(
        (reasons[0].signal.as_str(), &reasons[0].place),
        ("replica_lag_ms", &place)
    );
    assert_eq!((reasons[0].value, reasons[0].limit), (None, 5_000));
    lab.resume_replay("s01-r1").await.unwrap();
    lab.catch_up("s01-r1").await.unwrap();
    assert!(poll(&shard, &mut throttle, &limits).await.is_empty());

    // Nobody answers: unknown, and unknown is closed.
    lab.freeze("s01-r1").await.unwrap();
    let reasons = poll(&shard, &mut throttle, &limits).await;
    assert_eq!((reasons.len(), reasons[0].value), (1, None));
    lab.thaw("s01-r1").await.unwrap();
    lab.catch_up("s01-r1").await.unwrap();
    assert!(poll(&shard, &mut throttle, &limits).await.is_empty());

    lab.kill_server("s01").await.unwrap();
    let reasons = poll(&shard, &mut throttle, &limits).await;
    assert!(reasons.iter().any(|r| r.signal == "primary"), "{reasons:?}");
    lab.start_server("s01").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_signal_closes_too_and_says_what_it_saw() {
    if !require_postgres() {
        return;
    }
    let lab = lab(1, 1).await;
    let shard = shard(&lab).await;
    let place = format!("127.0.0.1:{}", port(&lab, "s01"));
    let limits = ThrottleLimits {
        active_sessions: Some(0),
        slot_wal_bytes: Some(100_000),
        oldest_transaction: Some(Period::from_ms(1)),
        ..limits()
    };
    let mut throttle = Throttle::default();
    assert!(poll(&shard, &mut throttle, &limits).await.is_empty());

    let mut app = connect(port(&lab, "s01"), "shop", "app").await;
    let sleeps = tokio::spawn(async move { run_on(&mut app, "SELECT pg_sleep(600)").await });
    let mut admin = connect(port(&lab, "s01"), "shop", "postgres").await;
    let running =
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'";
    let pid = loop {
        if let Some(row) = texts_on(&mut admin, running).await.first() {
            break row[0].clone().unwrap();
        }
    };
    let reasons = poll(&shard, &mut throttle, &limits).await;
    let seen = |signal: &str| reasons.iter().find(|r| r.signal == signal).cloned();
    let active = seen("active_sessions").unwrap();
    assert_eq!(
        (active.value, active.limit, &active.place),
        (Some(1), 0, &place)
    );
    let oldest = seen("oldest_transaction_ms").unwrap();
    assert!(
        oldest.value > Some(1) && oldest.place == place,
        "{oldest:?}"
    );
    run_on(
        &mut admin,
        &format!("SELECT pg_terminate_backend({pid}, 5000)"),
    )
    .await
    .unwrap();
    sleeps.await.unwrap().unwrap_err();
    assert!(poll(&shard, &mut throttle, &limits).await.is_empty());

    let slot = "SELECT pg_create_physical_replication_slot('kept', true)";
    run_on(&mut admin, slot).await.unwrap();
    run_on(
        &mut admin,
        "CREATE TABLE much AS SELECT repeat('x', 900) FROM generate_series(1, 2000)",
    )
    .await
    .unwrap();
    lab.catch_up("s01-r1").await.unwrap();
    let reasons = poll(&shard, &mut throttle, &limits).await;
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!(
        (reasons[0].signal.as_str(), &reasons[0].place),
        ("slot_wal_bytes", &place)
    );
    assert!(reasons[0].value > Some(1_000_000));
}

#[test]
fn a_closed_signal_opens_only_well_below_its_limit() {
    let mut throttle = Throttle::default();
    let mut judge = |value| {
        let found = Measurement {
            signal: "replica_lag_ms".into(),
            place: "r1".into(),
            value,
        };
        !throttle.judge(&limits(), &[found], Timestamp(7)).is_empty()
    };
    let closed: Vec<bool> = [
        Some(5_000),
        Some(5_001),
        Some(4_500),
        Some(4_000),
        Some(4_500),
        None,
        Some(0),
    ]
    .into_iter()
    .map(&mut judge)
    .collect();
    assert_eq!(closed, [false, true, true, false, false, true, false]);
    let stale = Throttle::stale(&limits(), Timestamp(7));
    assert_eq!((stale.value, stale.limit), (None, 3_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_begins_no_chunk_while_a_replica_stands_still() {
    if !require_postgres() {
        return;
    }
    let lab = lab(1, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let migration = folder.path().join("change.toml");
    std::fs::write(&migration, format!("name = \"change\"\n[chunks]\nrows_start = 10\nrows_max = 10\nranges = 1\nrows_per_s_max = 100\n{CENTS}")).unwrap();
    let mut engine = Command::new(env!("CARGO_BIN_EXE_pilothouse"))
        .args([
            "run",
            "--headless",
            "--promote",
            "auto",
            "--to",
            "backfill",
            "--fleet",
        ])
        .arg(lab.fleet_file())
        .arg("--migration")
        .arg(&migration)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut admin = connect(port(&lab, "s01"), "shop", "postgres").await;
    let mut ask = async |sql: &str| -> String {
        let there = texts_on(
            &mut admin,
            "SELECT to_regclass('pilothouse.checkpoint') IS NOT NULL",
        )
        .await;
        if there[0][0].as_deref() != Some("t") {
            return String::new();
        }
        let found = texts_on(&mut admin, sql).await;
        found
            .first()
            .and_then(|row| row[0].clone())
            .unwrap_or_default()
    };
    let chunks = "SELECT coalesce(sum(chunks), 0) FROM pilothouse.checkpoint";
    while ask(chunks).await.parse().unwrap_or(0) < 3 {
        assert!(engine.try_wait().unwrap().is_none(), "the engine has ended");
        tokio::task::yield_now().await;
    }
    lab.pause_replay("s01-r1").await.unwrap();
    // Every poll writes a heartbeat before it asks the replica. The first one
    // after the pause may have asked already, the second one has seen it, and
    // with the third one that is known.
    let (mut polls, mut last, mut done) = (0, String::new(), String::new());
    while polls < 12 {
        let beat = ask("SELECT at FROM pilothouse.heartbeat").await;
        if beat != last {
            (polls, last) = (polls + 1, beat);
            if polls == 4 {
                done = ask(chunks).await;
            }
        }
        assert!(engine.try_wait().unwrap().is_none(), "the engine has ended");
    }
    assert_eq!(
        ask(chunks).await,
        done,
        "a chunk began while the throttle was closed"
    );
    lab.resume_replay("s01-r1").await.unwrap();
    let status = tokio::task::spawn_blocking(move || engine.wait().unwrap())
        .await
        .unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(
        ask("SELECT count(*) FROM pgbench_accounts WHERE abalance_cents IS NULL").await,
        "0"
    );
}
