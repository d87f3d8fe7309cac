//! Who waits for whom is told while it is so.

use crate::bench::{Case, run_on};
use crate::contract::LABELS;
use crate::contract_cases::host::Host;
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::rollout::{Blocker, BlockerEnd};
use pilothouse::shard::Shard as _;
use pilothouse::wire::{LockWait, Locks};
use pilothouse::worker::{Op, Reply, Step};
use sqlx::PgConnection;

const ITEM: &str = "CREATE TABLE item (id bigint PRIMARY KEY, label text NOT NULL);
    INSERT INTO item SELECT n, 'v' || n FROM generate_series(1, 10) AS n";

async fn waits(host: &Host) -> Vec<LockWait> {
    match host.shard.locks().await {
        Locks::Seen(waits) => waits,
        Locks::Unknown(why) => panic!("{why}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_waits_is_named_with_the_one_it_waits_for() {
    if !require_postgres() {
        return;
    }
    let (case, host) = Case::at(ITEM, LABELS, Stop::Snapshot).await;
    assert_eq!(waits(&host).await, []);
    let mut holder = case.connect("app").await;
    run_on(&mut holder, "SET application_name = 'nightly'")
        .await
        .unwrap();
    run_on(&mut holder, "BEGIN").await.unwrap();
    let locks = "UPDATE item SET label = 'held' WHERE id = 3";
    run_on(&mut holder, locks).await.unwrap();
    let mut second = case.connect("app").await;
    run_on(&mut second, "SET application_name = 'web'")
        .await
        .unwrap();
    let waiting = tokio::spawn(async move {
        run_on(&mut second, "UPDATE item SET label = 'late' WHERE id = 3").await
    });
    let seen = loop {
        let seen = waits(&host).await;
        if !seen.is_empty() {
            break seen;
        }
    };
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].waiter.who, "app web");
    assert!(seen[0].waiter.query.contains("'late'"), "{seen:?}");
    assert_eq!(seen[0].blockers.len(), 1, "{seen:?}");
    let blocker = &seen[0].blockers[0];
    assert_eq!(blocker.who, "app nightly idle in transaction");
    assert!(blocker.query.contains("'held'"), "{seen:?}");
    run_on(&mut holder, "COMMIT").await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(waits(&host).await, []);
}

/// A client with a lock, and one that waits for it.
async fn queue(case: &Case, host: &Host) -> (PgConnection, Waiting, Blocker) {
    let mut holder = case.connect("app").await;
    let locks =
        "SET application_name = 'console'; BEGIN; UPDATE item SET label = 'held' WHERE id = 3";
    run_on(&mut holder, locks).await.unwrap();
    let mut second = case.connect("app").await;
    let waiting = tokio::spawn(async move {
        run_on(&mut second, "UPDATE item SET label = 'late' WHERE id = 3").await
    });
    loop {
        if let [wait] = &waits(host).await[..] {
            let party = &wait.blockers[0];
            let blocker = Blocker {
                pid: party.pid,
                began_us: party.began_us.unwrap(),
            };
            return (holder, waiting, blocker);
        }
    }
}

type Waiting = tokio::task::JoinHandle<Result<(), String>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_ended_if_it_is_the_one_that_was_seen_and_somebody_waits() {
    if !require_postgres() {
        return;
    }
    let (case, host) = Case::at(ITEM, LABELS, Stop::Snapshot).await;
    let (mut holder, waiting, blocker) = queue(&case, &host).await;
    // Another transaction of the same process is not what was seen.
    let other = Blocker {
        began_us: blocker.began_us - 1,
        ..blocker
    };
    assert_eq!(host.shard.end_blocker(other).await, BlockerEnd::Gone);
    // The login role may see sessions, and not end them.
    case.run("postgres", "REVOKE pg_signal_backend FROM migrator")
        .await
        .unwrap();
    let denied = host.shard.end_blocker(blocker).await;
    let said = format!("{denied:?}");
    assert!(said.contains("GRANT pg_signal_backend"), "{said}");
    assert!(run_on(&mut holder, "SELECT 1").await.is_ok());
    case.run("postgres", "GRANT pg_signal_backend TO migrator")
        .await
        .unwrap();
    let ended = host.shard.end_blocker(blocker).await;
    let who = "app console".to_owned();
    assert_eq!(ended, BlockerEnd::Ended { who });
    waiting.await.unwrap().unwrap();
    let rows = case.rows("SELECT label FROM item WHERE id = 3").await;
    assert_eq!(rows, "late", "what the ended session had written is gone");
    assert!(run_on(&mut holder, "SELECT 1").await.is_err());
    assert_eq!(host.shard.end_blocker(blocker).await, BlockerEnd::Gone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_nobody_waits_for_is_left_alone() {
    if !require_postgres() {
        return;
    }
    let (case, host) = Case::at(ITEM, LABELS, Stop::Snapshot).await;
    let (mut holder, waiting, blocker) = queue(&case, &host).await;
    waiting.abort();
    let ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    case.run("postgres", ended).await.unwrap();
    let spared = host.shard.end_blocker(blocker).await;
    let wanted = BlockerEnd::Spared("nobody waits for it any more".into());
    assert_eq!(spared, wanted);
    run_on(&mut holder, "COMMIT").await.unwrap();
}

const INDEX: &str = r#"[[operation]]
create_index = { table = "item", name = "by_label", keys = [{ column = "label" }] }
"#;

/// A build that stands still for an old transaction is told as such, with the
/// one that holds it up; and what it was thought to cost stands in the plan.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_build_tells_how_far_it_is_and_whom_it_waits_for() {
    if !require_postgres() {
        return;
    }
    let analysed = format!("{ITEM}; ANALYZE item");
    let case = Case::new(&analysed, INDEX).await;
    let build = case
        .shard
        .plan()
        .listing
        .iter()
        .find_map(|step| step.estimate);
    let build = build.expect("the build has an estimate");
    assert_eq!(build.rows, 10);
    assert!(build.disk_bytes > 0, "{build:?}");
    let fills = case.another(LABELS).await;
    let fill = fills.plan().listing.iter().find(|s| s.title == "fill item");
    // Rows written anew take the table's own size again.
    assert!(fill.unwrap().estimate.unwrap().disk_bytes > 0, "{fill:?}");
    let mut holder = case.connect("app").await;
    let old = "SET application_name = 'report'; BEGIN; UPDATE item SET label = 'held' WHERE id = 3";
    run_on(&mut holder, old).await.unwrap();
    let mut host = case.host();
    let built = tokio::spawn(async move {
        host.advance_to(Stop::Expand).await;
    });
    let waits = loop {
        // The poller measures first; progress is read over its connection.
        case.shard.measure().await;
        if let Some(progress) = case.shard.step_progress().await
            && let Some(who) = progress.waits_for
        {
            break (progress.phase, who);
        }
    };
    assert!(waits.0.starts_with("waiting for"), "{waits:?}");
    assert!(waits.1.contains("app report"), "{waits:?}");
    run_on(&mut holder, "COMMIT").await.unwrap();
    built.await.unwrap();
    assert_eq!(case.shard.step_progress().await, None);
}

/// A step of ours waits for a moment only, then gives way: who stands in its way
/// is named all the same, and can be ended between two tries.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_step_gives_way_to_is_named_and_can_be_ended() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ITEM, LABELS, Stop::Snapshot).await;
    let stops = &host.shard.plan().plan.stops;
    let first = stops[&Stop::Expand].run.iter().find_map(|step| match step {
        Step::Act { id, .. } => Some(id.clone()),
        _ => None,
    });
    let apply = Op::Apply(first.unwrap());
    let mut holder = case.connect("app").await;
    let locks =
        "SET application_name = 'console'; BEGIN; UPDATE item SET label = 'held' WHERE id = 3";
    run_on(&mut holder, locks).await.unwrap();
    let reply = host.ask(apply.clone()).await;
    let Reply::Error(error) = &reply else {
        panic!("{reply:?}");
    };
    assert_eq!(error.code, "55P03");
    let named = "in its way: app console idle in transaction (pid ";
    assert!(error.message.contains(named), "{error:?}");
    let seen = waits(&host).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(
        seen[0].waiter.who,
        "pilothouse, which gives way and tries again"
    );
    let party = &seen[0].blockers[0];
    let blocker = Blocker {
        pid: party.pid,
        began_us: party.began_us.unwrap(),
    };
    let who = "app console".to_owned();
    assert_eq!(
        host.shard.end_blocker(blocker).await,
        BlockerEnd::Ended { who }
    );
    let reply = host.ask(apply).await;
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    assert_eq!(waits(&host).await, []);
}
