//! The test of the tests: each rule that is left out must be noticed, on a
//! real server, by the same oracles that find the real engine clean.

use crate::chaos::{
    Recipe, Site, await_rows, keep_seed, lab_of, look_at, number, primary_of, reset, try_number,
    until,
};
use crate::support::require_postgres;
use pilothouse::lab::Lab;
use pilothouse::rollout::Event;
use rustix::process::Signal;
use sqlx::Connection as _;
use std::time::{Duration, Instant};

const ROWS: u32 = 3_000;

fn recipe(chunks: &'static str) -> Recipe {
    Recipe {
        chunks,
        ..Recipe::default()
    }
}

const STEADY: &str = "target = \"50ms\"\nrows_start = 20\nrows_min = 10\nrows_max = 50\nranges = 1\nrows_per_s_max = 600";

fn with<'a>(variant: Option<&'a str>, to: &'a str) -> Vec<&'a str> {
    let mut args = vec!["--to", to];
    if let Some(variant) = variant {
        args.extend(["--variant", variant]);
    }
    args
}

/// Looks until `over`; every violation there was meanwhile.
async fn watch(lab: &Lab, mut over: impl FnMut() -> bool) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let last = over();
        if let Some(mut session) = primary_of(&lab.candidates("s01").unwrap()).await {
            found.extend(look_at(&mut session, "s01").await.unwrap_or_default());
        }
        if last {
            return found;
        }
        // A server does not tell when it has changed: it is looked at again.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The first engine is stopped in its backfill, the second takes over, the
/// first wakes up.
async fn deposed(lab: &Lab, name: &str, variant: Option<&str>) -> Vec<String> {
    reset(lab).await;
    let first = Site::new(lab, &format!("{name}-first"), &recipe(STEADY));
    let second = Site::new(lab, &format!("{name}-second"), &recipe(STEADY));
    let mut a = first.run(&with(variant, "backfill"));
    await_rows(lab, "s01", 200).await;
    a.signal(Signal::STOP);
    let epoch = "SELECT epoch FROM pilothouse.fence";
    let old = number(lab, "s01", epoch).await;
    let mut b = second.run(&with(None, "backfill"));
    until("chunks of the second engine", Duration::from_secs(30), async || {
        let sql = "SELECT count(*) FROM pilothouse.chunk_log l, pilothouse.fence f WHERE l.epoch = f.epoch";
        let taken = try_number(lab, "s01", epoch).await? > old;
        (taken && try_number(lab, "s01", sql).await? > 0).then_some(())
    })
    .await;
    a.signal(Signal::CONT);
    let began = Instant::now();
    let mut found = watch(lab, || {
        b.ended().is_some() || began.elapsed() > Duration::from_secs(40)
    })
    .await;
    if b.ended() != Some(0) {
        found.push(format!("the owner did not end well: {}", b.stderr()));
    }
    if a.wait(Duration::from_secs(20)).await != 5 {
        found.push("the deposed engine did not say so".into());
    }
    found
}

/// Somebody holds rows that the backfill is about to reach, until it has
/// given way once.
async fn rows_held(lab: &Lab, name: &str, variant: Option<&str>) -> Vec<String> {
    reset(lab).await;
    let site = Site::new(lab, name, &recipe(STEADY));
    let mut holder = lab.connect("s01", "postgres").await.unwrap();
    let mut engine = site.run(&with(variant, "verify"));
    await_rows(lab, "s01", 60).await;
    let hold = "BEGIN; SELECT aid FROM pgbench_accounts WHERE aid BETWEEN 2000 AND 2100 FOR UPDATE";
    sqlx::raw_sql(hold).execute(&mut holder).await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pilothouse/%' AND wait_event_type = 'Lock'";
    for wanted in [true, false] {
        until(
            "the chunk to meet the held rows",
            Duration::from_secs(40),
            async || {
                let waits: i64 = sqlx::query_scalar(waiting)
                    .fetch_one(&mut holder)
                    .await
                    .ok()?;
                ((waits > 0) == wanted).then_some(())
            },
        )
        .await;
    }
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut holder)
        .await
        .unwrap();
    holder.close().await.unwrap();
    let began = Instant::now();
    let mut found = watch(lab, || {
        engine.ended().is_some() || began.elapsed() > Duration::from_secs(60)
    })
    .await;
    if engine.ended() != Some(0) {
        found.push(format!("the run did not end well: {}", engine.stderr()));
    }
    found
}

/// Dies at every third point up to the end of backfill: whatever the shard
/// says has begun must be in the journal.
async fn unrecorded(lab: &Lab, name: &str, variant: Option<&str>) -> Vec<String> {
    let chunks =
        "target = \"50ms\"\nrows_start = 1_000\nrows_min = 10\nrows_max = 1_000\nranges = 1";
    let (mut found, mut n) = (Vec::new(), 1_u64);
    loop {
        reset(lab).await;
        let site = Site::new(lab, &format!("{name}-{n}"), &recipe(chunks));
        let mut engine = site.run_with(
            &with(variant, "backfill"),
            &[("PILOTHOUSE_DIE_AT", n.to_string())],
        );
        let code = engine.wait(Duration::from_secs(60)).await;
        let mut session = primary_of(&lab.candidates("s01").unwrap()).await.unwrap();
        let begun = "SELECT begun FROM pilothouse.registry WHERE begun IS NOT NULL";
        let begun: Option<String> = sqlx::query_scalar(begun)
            .persistent(false)
            .fetch_optional(&mut session)
            .await
            .unwrap_or(None);
        let (_, facts) = site.journal().await;
        let recorded = |wanted: &str| {
            let is = |event: &Event| matches!(event, Event::StageBegun { stop, .. } if stop.to_string() == wanted);
            facts.iter().any(|(_, fact)| is(&fact.event))
        };
        if let Some(stop) = begun.filter(|stop| !recorded(stop)) {
            found.push(format!(
                "N = {n}: {stop} has begun on the shard, the journal does not know"
            ));
            // One is enough.
            return found;
        }
        if code != -9 {
            return found;
        }
        n += 2;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fence_check_is_missed_when_it_is_left_out() {
    if !require_postgres() {
        return;
    }
    let lab = lab_of(1, 0, ROWS).await;
    keep_seed(&lab).await;
    let clean = deposed(&lab, "right", None).await;
    assert!(clean.is_empty(), "{clean:#?}");
    let broken = deposed(&lab, "wrong", Some("no_fence_check")).await;
    eprintln!("no_fence_check: {broken:?}");
    assert!(!broken.is_empty());
    lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_of_its_own_and_an_error_taken_for_done_are_noticed() {
    if !require_postgres() {
        return;
    }
    let lab = lab_of(1, 0, ROWS).await;
    keep_seed(&lab).await;
    let clean = rows_held(&lab, "right", None).await;
    assert!(clean.is_empty(), "{clean:#?}");
    for variant in ["checkpoint_apart", "error_is_done"] {
        let broken = rows_held(&lab, variant, Some(variant)).await;
        eprintln!("{variant}: {:?}", broken.first());
        assert!(!broken.is_empty(), "{variant}");
    }
    lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_before_its_record_is_noticed() {
    if !require_postgres() {
        return;
    }
    let lab = lab_of(1, 0, 100).await;
    keep_seed(&lab).await;
    let clean = unrecorded(&lab, "right", None).await;
    assert!(clean.is_empty(), "{clean:#?}");
    let broken = unrecorded(&lab, "wrong", Some("effect_before_record")).await;
    eprintln!("effect_before_record: {broken:?}");
    assert!(!broken.is_empty());
    lab.down().await.unwrap();
}
