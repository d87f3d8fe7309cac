//! The journal's disk is full, or hangs, while shards are at work.

use crate::slow_shard::{DEADLINE, Running, SlowFleet, soon};
use crate::sqlite_fixture::{connect, run, texts};
use pilothouse::engine::Stopped;
use pilothouse::rollout::Verb;
use pilothouse::wire::Answer;
use sqlx::Executor as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Stopping an engine takes no longer than this, plus a margin.
const LEAVE_MAX: Duration = Duration::from_secs(7);

const FULL: &str = "CREATE TRIGGER full BEFORE INSERT ON entry \
                    BEGIN SELECT RAISE(ABORT, 'disk is full'); END";

fn journal(fleet: &SlowFleet) -> PathBuf {
    fleet.store().join(pilothouse::store::JOURNAL_FILE)
}

/// Without seals: those come when there is time for them.
async fn entries(journal: &Path) -> u64 {
    let count = "SELECT CAST(count(*) AS TEXT) FROM entry WHERE instr(line, '\"kind\":\"head_sealed\"') = 0";
    let count = texts(journal, count).await;
    count[0][0].as_deref().unwrap().parse().unwrap()
}

/// Both shards are in their first chunk; then nothing can be recorded any
/// more, and the backfill of s2 ends.
async fn disk_full(fleet: &SlowFleet) -> Running {
    let mut running = fleet.start().await;
    for shard in running.shards.values() {
        shard.at_chunk().await;
    }
    run(&journal(fleet), FULL).await.unwrap();
    finish_s2(&mut running).await;
    running
}

async fn finish_s2(running: &mut Running) {
    running.shards["s2"].finish().await;
    // What a driver told is heard within a round; a frozen engine has none.
    running.operator.rounds(4).await;
}

fn is_journal_refusal(answer: &Answer) -> bool {
    matches!(answer, Answer::Refused { code, text } if code == "journal" && text.contains("disk is full"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_keeps_nobody_from_pausing_and_loses_nothing() {
    let fleet = SlowFleet::new().await;
    let mut running = disk_full(&fleet).await;
    let before = entries(&journal(&fleet)).await;

    let operator = &mut running.operator;
    assert_eq!(operator.ask(Verb::Pause).await, Answer::NotRecorded);
    let slower = Verb::Throttle {
        rows_per_s_max: Some(1_000),
    };
    assert_eq!(operator.ask(slower).await, Answer::NotRecorded);
    let rollout = |view: &pilothouse::wire::FleetView| view.header.rollout.clone().unwrap();
    operator.until(|view| rollout(view).paused.is_some()).await;
    // It acts: the chunk in flight ends and no other begins. And nothing but
    // calming acts is taken.
    running.shards["s1"].let_through();
    let answer = operator.ask(Verb::Resume).await;
    assert!(is_journal_refusal(&answer), "{answer:?}");
    operator.rounds(4).await;
    assert_eq!(entries(&journal(&fleet)).await, before);
    assert_eq!(running.shards["s1"].chunks(), 1);
    let needs: Vec<_> = operator.view.needs_you.iter().map(|n| &n.what).collect();
    assert!(
        needs.first().is_some_and(|what| what.contains("journal")),
        "nobody is told: {needs:?}"
    );

    run(&journal(&fleet), "DROP TRIGGER full").await.unwrap();
    operator
        .until(|view| {
            view.events
                .iter()
                .any(|e| e.text.starts_with("backfill done"))
        })
        .await;
    assert_eq!(entries(&journal(&fleet)).await, before + 3);
    assert_eq!(running.shards["s1"].chunks(), 1, "paused all the time");
    operator
        .until(|view| view.needs_you.iter().all(|n| !n.what.contains("journal")))
        .await;
    let answer = operator.ask(Verb::Resume).await;
    assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
    let (stopped, book, _) = soon("the end", running.engine).await.unwrap();
    assert_eq!(stopped, Stopped::Reached);
    assert!(book.left().is_empty(), "{:?}", book.left());
    let told = fleet.sound_journal(&book).await;
    let at = usize::try_from(before).unwrap();
    assert_eq!(
        told[at..at + 4],
        [
            "paused fleet",
            "throttled fleet",
            "stage_done shard s2",
            "resumed fleet"
        ]
    );
    let twice = told.iter().filter(|t| *t == "stage_done shard s2").count();
    assert_eq!(twice, 6, "each stage is recorded once: {told:#?}");
    book.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_cannot_record_stops_all_the_same() {
    let fleet = SlowFleet::new().await;
    let mut running = disk_full(&fleet).await;
    let before = entries(&journal(&fleet)).await;
    assert_eq!(running.operator.ask(Verb::Pause).await, Answer::NotRecorded);
    running.shards["s1"].let_through();
    running.stop.send(()).unwrap();
    let ended = tokio::time::timeout(LEAVE_MAX, running.engine).await;
    let (stopped, book, _) = ended.expect("it does not stop").unwrap();
    assert_eq!(stopped, Stopped::Told);
    // On the way out it says what is missing, and what that means.
    let left = book.left();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0].contains("pause") && left[0].contains("order it again"));
    assert!(left[1].contains("s2") && left[1].contains("reads it from the shard"));
    book.close().await.unwrap();
    assert_eq!(entries(&journal(&fleet)).await, before);

    run(&journal(&fleet), "DROP TRIGGER full").await.unwrap();
    let again = fleet.start().await;
    for shard in again.shards.values() {
        shard.let_through();
    }
    let (stopped, book, _) = soon("the end", again.engine).await.unwrap();
    assert_eq!(stopped, Stopped::Reached);
    fleet.sound_journal(&book).await;
    book.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_hangs_keeps_nobody_from_pausing() {
    let fleet = SlowFleet::new().await;
    let mut running = fleet.start().await;
    for shard in running.shards.values() {
        shard.at_chunk().await;
    }
    // Whoever writes now waits for seconds.
    let mut other = connect(&journal(&fleet)).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    finish_s2(&mut running).await;
    let asked = running.operator.ask(Verb::Pause);
    let answer = tokio::time::timeout(Duration::from_secs(3), asked).await;
    assert_eq!(answer.expect("it waits for the disk"), Answer::NotRecorded);
    other.execute("ROLLBACK").await.unwrap();
    let operator = &mut running.operator;
    let recorded = |view: &pilothouse::wire::FleetView| {
        let paused = |e: &pilothouse::wire::EventView| e.text.starts_with("paused");
        view.events.iter().any(paused)
    };
    operator.until(recorded).await;
    for shard in running.shards.values() {
        shard.let_through();
    }
    let answer = operator.ask(Verb::Resume).await;
    assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
    let (stopped, book, _) = tokio::time::timeout(DEADLINE, running.engine)
        .await
        .expect("it does not end")
        .unwrap();
    assert_eq!(stopped, Stopped::Reached);
    let told = fleet.sound_journal(&book).await;
    let twice = told.iter().filter(|t| *t == "stage_done shard s2").count();
    assert_eq!(twice, 6, "each stage is recorded once: {told:#?}");
    book.close().await.unwrap();
}
