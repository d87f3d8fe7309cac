//! Only what pilothouse added is pilothouse's to use and to take away.

use crate::bench::Case;
use crate::contract::LABELS;
use crate::contract_cases::host::Host;
use crate::support::require_postgres;
use pilothouse::base::{Fault, Stop};
use pilothouse::rollout::{Job, Report};
use pilothouse::worker::{Op, Probe, Reply, Step};

const ITEM: &str = "CREATE TABLE item (id bigint PRIMARY KEY, label text);
    INSERT INTO item SELECT n, 'v' || n FROM generate_series(1, 5) AS n";
const FOREIGN: &str = "ALTER TABLE item ADD COLUMN tag text DEFAULT 'theirs'";
const TAGS: &str = "SELECT DISTINCT tag FROM item";

async fn failure(host: &mut Host, stop: Stop) -> Fault {
    match host.run(Job::Advance(stop)).await {
        Some(Report::Failed { fault }) => fault,
        other => panic!("{stop}: {other:?}"),
    }
}

async fn undo(host: &mut Host, stop: Stop) {
    let report = host.run(Job::Undo(stop)).await;
    assert!(matches!(report, Some(Report::Undone { .. })), "{report:?}");
}

#[tokio::test]
async fn a_column_that_a_stranger_added_is_neither_used_nor_dropped() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ITEM, LABELS, Stop::Snapshot).await;
    case.run("postgres", FOREIGN).await.unwrap();
    let fault = failure(&mut host, Stop::Expand).await;
    assert_eq!(fault.code, "PH016");
    for part in ["public.item", "tag", "did not add", "rename or drop"] {
        assert!(fault.what.contains(part), "{part}: {fault:?}");
    }
    assert!(fault.place.contains("s01"), "{fault:?}");
    undo(&mut host, Stop::Expand).await;
    assert_eq!(case.rows(TAGS).await, "theirs");
    // Once it is out of the way, the same step goes on.
    case.run("postgres", "ALTER TABLE item RENAME COLUMN tag TO theirs")
        .await
        .unwrap();
    host.advance_to(Stop::Verify).await;
    assert_eq!(case.rows("SELECT tag FROM item WHERE id = 1").await, "n:v1");
    host.undo_to(Stop::Snapshot).await;
    assert_eq!(
        case.rows("SELECT DISTINCT theirs FROM item").await,
        "theirs"
    );
}

#[tokio::test]
async fn a_column_that_took_the_place_of_ours_is_left_alone() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ITEM, LABELS, Stop::Expand).await;
    let Step::Act { id, .. } = host.shard.plan().plan.stops[&Stop::Expand].run[0].clone() else {
        panic!("expand does not begin with the column");
    };
    let replace = format!("ALTER TABLE item DROP COLUMN tag; {FOREIGN}");
    case.run("postgres", &replace).await.unwrap();
    let probed = host.ask(Op::Probe(id)).await;
    assert_eq!(probed, Reply::Probed(Probe::Absent));
    let fault = failure(&mut host, Stop::DualWrite).await;
    assert_eq!(fault.code, "PH016", "{fault:?}");
    let triggers = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'item'::regclass";
    assert_eq!(case.rows(triggers).await, "0");
    undo(&mut host, Stop::DualWrite).await;
    undo(&mut host, Stop::Expand).await;
    assert_eq!(case.rows(TAGS).await, "theirs");
}

#[tokio::test]
async fn undoing_dual_write_leaves_a_column_that_is_still_ours() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ITEM, LABELS, Stop::Backfill).await;
    host.undo_to(Stop::Expand).await;
    assert_eq!(case.rows(TAGS).await, "-");
    host.advance_to(Stop::Verify).await;
    host.undo_to(Stop::Snapshot).await;
    let columns = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = 'item'::regclass AND attnum > 0 AND NOT attisdropped";
    assert_eq!(case.rows(columns).await, "id label");
}
