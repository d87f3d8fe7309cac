//! Who waits for whom is told while it is so.

use crate::bench::{Case, run_on};
use crate::contract::LABELS;
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::wire::{LockWait, Locks};

const ITEM: &str = "CREATE TABLE item (id bigint PRIMARY KEY, label text NOT NULL);
    INSERT INTO item SELECT n, 'v' || n FROM generate_series(1, 10) AS n";
async fn waits(host: &crate::contract_cases::host::Host) -> Vec<LockWait> {
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
