//! Failover that loses a tail: the shard is the truth about work done.

use crate::chaos::{
    Recipe, Site, await_rows, execute, lab_of, number, settled_violations, try_number, until,
};
use crate::support::require_postgres;
use pilothouse::base::ShardName;
use pilothouse::flags::{FileFlags, FlagProvider as _};
use std::time::Duration;

fn slow(rows_per_s: &'static str) -> Recipe {
    Recipe {
        chunks: rows_per_s,
        ..Recipe::default()
    }
}

const SLOW: &str = "target = \"50ms\"\nrows_start = 20\nrows_min = 10\nrows_max = 50\nranges = 2\nrows_per_s_max = 500";
const QUICK: &str =
    "target = \"50ms\"\nrows_start = 100\nrows_min = 10\nrows_max = 500\nranges = 2";

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_in_backfill_goes_on_from_the_shards_own_checkpoint() {
    if !require_postgres() {
        return;
    }
    let lab = lab_of(1, 1, 4_000).await;
    let site = Site::new(&lab, "failover", &slow(SLOW));
    let mut engine = site.run(&["--to", "shift:100"]);
    await_rows(&lab, "s01", 500).await;
    lab.catch_up("s01-r1").await.unwrap();
    // Nothing of what follows reaches the standby.
    lab.kill_server("s01-r1").await.unwrap();
    let kept = number(&lab, "s01", crate::chaos::FILLED_ROWS).await;
    await_rows(&lab, "s01", kept + 500).await;
    lab.kill_server("s01").await.unwrap();
    lab.start_server("s01-r1").await.unwrap();
    lab.promote("s01-r1").await.unwrap();
    let found = number(&lab, "s01", crate::chaos::FILLED_ROWS).await;
    assert!(found < kept + 500, "the failover lost nothing: {found}");
    assert_eq!(
        engine.wait(Duration::from_secs(90)).await,
        0,
        "{}",
        engine.stderr()
    );
    assert_eq!(number(&lab, "s01", "SELECT count(*) FROM pgbench_accounts WHERE abalance_cents IS DISTINCT FROM abalance::bigint * 100").await, 0);
    let found = settled_violations(&lab, &site, "s01").await;
    assert!(found.is_empty(), "{found:?}");
    lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_before_the_schema_was_replayed_is_a_regress() {
    if !require_postgres() {
        return;
    }
    let lab = lab_of(1, 1, 4_000).await;
    let site = Site::new(&lab, "failover", &slow(SLOW));
    // Preflight wants a healthy standby; after it, the standby is cut off
    // before our schema exists.
    let mut engine = site.run(&["--to", "snapshot"]);
    assert_eq!(
        engine.wait(Duration::from_secs(60)).await,
        0,
        "{}",
        engine.stderr()
    );
    lab.catch_up("s01-r1").await.unwrap();
    lab.kill_server("s01-r1").await.unwrap();
    let mut engine = site.run(&["--to", "shift:100"]);
    await_rows(&lab, "s01", 500).await;
    lab.kill_server("s01").await.unwrap();
    lab.start_server("s01-r1").await.unwrap();
    lab.promote("s01-r1").await.unwrap();
    let code = engine.wait(Duration::from_secs(90)).await;
    assert_eq!(code, 4, "it asks for a person:\n{}", engine.stderr());
    assert_eq!(
        site.facts_on("s01", "shard_regressed").await.len(),
        1,
        "{}",
        engine.stderr()
    );
    let (code, text) = site
        .command(&["release"], &["--ring", "all", "--reason", "seen"])
        .await;
    assert_eq!(code, 0, "{text}");
    let mut engine = site.run(&["--to", "shift:100"]);
    assert_eq!(
        engine.wait(Duration::from_secs(90)).await,
        0,
        "{}",
        engine.stderr()
    );
    let found = settled_violations(&lab, &site, "s01").await;
    assert!(found.is_empty(), "{found:?}");
    lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_behind_verify_and_shift_closes_flag_and_ring() {
    if !require_postgres() {
        return;
    }
    let lab = lab_of(1, 1, 500).await;
    let recipe = Recipe {
        steps: "10, 100",
        ..slow(QUICK)
    };
    let site = Site::new(&lab, "failover", &recipe);
    // Up to the end of backfill everywhere; then the standby is left behind.
    let mut engine = site.run(&["--to", "backfill"]);
    assert_eq!(
        engine.wait(Duration::from_secs(60)).await,
        0,
        "{}",
        engine.stderr()
    );
    lab.catch_up("s01-r1").await.unwrap();
    lab.kill_server("s01-r1").await.unwrap();
    let mut engine = site.run(&["--to", "shift:10"]);
    assert_eq!(
        engine.wait(Duration::from_secs(60)).await,
        0,
        "{}",
        engine.stderr()
    );
    let name = ShardName::new("s01").unwrap();
    let flags = FileFlags::new(site.flags());
    assert_eq!(flags.read(&name).await.unwrap().writes_percent, 10);

    lab.kill_server("s01").await.unwrap();
    lab.start_server("s01-r1").await.unwrap();
    lab.promote("s01-r1").await.unwrap();
    let mut engine = site.run(&["--to", "shift:100"]);
    let code = engine.wait(Duration::from_secs(90)).await;
    assert_eq!(code, 4, "it asks for a person:\n{}", engine.stderr());
    let regressed = site.facts_on("s01", "shard_regressed").await;
    assert_eq!(regressed.len(), 1, "{}", engine.stderr());
    let (state, _) = site.journal().await;
    let rollout = state.rollout.unwrap();
    assert!(
        rollout.rings.values().all(|ring| ring.hold.is_some()),
        "the ring is held"
    );
    let share = flags.read(&name).await.unwrap();
    assert_eq!(
        (share.reads_percent, share.writes_percent),
        (0, 0),
        "the flag is closed"
    );

    let (code, text) = site
        .command(&["release"], &["--ring", "all", "--reason", "seen"])
        .await;
    assert_eq!(code, 0, "{text}");
    let mut engine = site.run(&["--to", "shift:100"]);
    assert_eq!(
        engine.wait(Duration::from_secs(90)).await,
        0,
        "{}",
        engine.stderr()
    );
    assert_eq!(flags.read(&name).await.unwrap().writes_percent, 100);
    let found = settled_violations(&lab, &site, "s01").await;
    assert!(found.is_empty(), "{found:?}");
    lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_primary_that_comes_back_is_not_believed() {
    if !require_postgres() {
        return;
    }
    let lab = lab_of(1, 1, 4_000).await;
    let site = Site::new(&lab, "failover", &slow(SLOW));
    let mut engine = site.run(&["--to", "shift:100"]);
    await_rows(&lab, "s01", 300).await;
    lab.kill_server("s01").await.unwrap();
    lab.promote("s01-r1").await.unwrap();
    let epoch = "SELECT epoch FROM pilothouse.fence";
    until(
        "the engine finds the new primary",
        Duration::from_secs(30),
        async || {
            let done = try_number(&lab, "s01", crate::chaos::FILLED_ROWS).await?;
            (done > 500).then_some(())
        },
    )
    .await;
    // Now the new one stands still and the old one is back, writable.
    lab.freeze("s01-r1").await.unwrap();
    lab.start_server("s01").await.unwrap();
    execute(&lab, "s01", "SELECT 1").await;
    until(
        "the engine has looked around",
        Duration::from_secs(60),
        async || {
            let text = site.command(&["status"], &["--json"]).await.1;
            text.contains("unreachable").then_some(())
        },
    )
    .await;
    let mut old = lab.connect("s01", "postgres").await.unwrap();
    let before: i64 = sqlx::query_scalar(epoch).fetch_one(&mut old).await.unwrap();
    // Several rounds of reconnecting, seen in the engine's own back-off.
    let rounds = std::time::Instant::now();
    until("some rounds", Duration::from_secs(30), async || {
        (rounds.elapsed() > Duration::from_secs(8)).then_some(())
    })
    .await;
    let after: i64 = sqlx::query_scalar(epoch).fetch_one(&mut old).await.unwrap();
    assert_eq!(before, after, "the old primary was taken over again");
    lab.kill_server("s01").await.unwrap();
    lab.thaw("s01-r1").await.unwrap();
    assert_eq!(
        engine.wait(Duration::from_secs(90)).await,
        0,
        "{}",
        engine.stderr()
    );
    let found = settled_violations(&lab, &site, "s01").await;
    assert!(found.is_empty(), "{found:?}");
    lab.down().await.unwrap();
}
