//! What a drop keeps, and what comes back.

use crate::bench::Case;
use crate::contract_cases::host::Host;
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::rollout::{Job, Report, Restored};
use pilothouse::worker::{Op, Reply, RowJob, Step};

/// `down` reads a column that belongs to neither form, of a type without `=`.
const ITEM: &str = "CREATE TABLE item (id bigint PRIMARY KEY, label text NOT NULL, kind json);
    INSERT INTO item SELECT n, 'v' || n, '{\"k\": \"low\"}' FROM generate_series(1, 10) AS n";
const TAG: &str = r#"
[[operation]]
[operation.add_column]
table = "item"
column = { name = "tag", type = "text" }
up = "'n:' || label"
down = { label = "CASE WHEN kind ->> 'k' = 'up' THEN upper(substr(tag, 3)) ELSE substr(tag, 3) END" }
"#;
const RAISE: &str = "UPDATE item SET kind = '{\"k\": \"up\"}' WHERE id =";

async fn label(case: &Case, id: i64) -> String {
    case.rows(&format!("SELECT label FROM item WHERE id = {id}"))
        .await
}

async fn done(host: &mut Host, op: Op) {
    let reply = host.ask(op).await;
    assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
}

/// Works through a job in one chunk and one range.
async fn work(host: &mut Host, job: &RowJob) {
    let (job, range) = (job.clone(), 0);
    done(
        host,
        Op::Split {
            job: job.clone(),
            ranges: 1,
        },
    )
    .await;
    let after = None;
    done(
        host,
        Op::Chunk {
            job: job.clone(),
            range,
            after,
            rows: 100,
        },
    )
    .await;
    done(host, Op::CloseRange { job, range }).await;
}

/// Acts and jobs that undo the drop, in order.
fn undo_of(host: &Host) -> Vec<Step> {
    host.shard.plan().plan.stops[&Stop::Drop].undo.clone()
}

fn restored(report: Option<Report>) -> Restored {
    match report {
        Some(Report::Undone {
            stop: Stop::Drop,
            restored: Some(restored),
        }) => restored,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_row_is_unchanged_only_if_all_that_down_reads_is() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ITEM, TAG, Stop::Drop).await;
    case.app(&format!("{RAISE} 1")).await;
    case.app("UPDATE item SET tag = 'n:later' WHERE id = 2")
        .await;
    case.app("INSERT INTO item (id, tag) VALUES (11, 'n:born')")
        .await;
    let report = host.run(Job::Undo(Stop::Drop)).await;
    let wanted = Restored {
        exported: 8,
        down: 3,
    };
    assert_eq!(restored(report), wanted);
    for (id, wanted) in [(1, "V1"), (2, "later"), (3, "v3"), (11, "born")] {
        assert_eq!(label(&case, id).await, wanted, "row {id}");
    }
}

#[tokio::test]
async fn the_old_form_follows_all_that_down_reads_while_it_comes_back() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ITEM, TAG, Stop::Drop).await;
    for step in undo_of(&host) {
        match step {
            Step::Rows(job) => {
                work(&mut host, &job).await;
                break;
            }
            Step::Act { id, .. } => done(&mut host, Op::Apply(id)).await,
            other => panic!("{other:?}"),
        }
    }
    // This row has been restored already, and nobody comes by again.
    case.app(&format!("{RAISE} 4")).await;
    assert_eq!(label(&case, 4).await, "V4");
    case.app("UPDATE item SET tag = 'n:x' WHERE id = 5").await;
    assert_eq!(label(&case, 5).await, "x");
}

#[tokio::test]
async fn both_forms_follow_columns_of_types_without_equality() {
    if !require_postgres() {
        return;
    }
    let doc = "CREATE TABLE item (id bigint PRIMARY KEY, doc json);
        INSERT INTO item VALUES (1, '{\"k\": 1}')";
    let kind = r#"
[[operation]]
[operation.add_column]
table = "item"
column = { name = "kind", type = "text" }
up = "doc ->> 'k'"
"#;
    let (case, _host) = Case::at(doc, kind, Stop::Shift(10)).await;
    case.app("UPDATE item SET doc = '{\"k\": 2}' WHERE id = 1")
        .await;
    assert_eq!(case.rows("SELECT kind FROM item").await, "2");
}

const PAIR: &str = "CREATE TABLE a (id bigint PRIMARY KEY, label text);
    CREATE TABLE b (id bigint PRIMARY KEY, label text);
    INSERT INTO a SELECT n, 'v' || n FROM generate_series(1, 10) AS n;
    INSERT INTO b SELECT n, 'v' || n FROM generate_series(1, 10) AS n";
const PAIR_TAGS: &str = r#"
[[operation]]
[operation.add_column]
table = "a"
column = { name = "tag", type = "text" }
up = "'n:' || label"
down = { label = "substr(tag, 3)" }
[[operation]]
[operation.add_column]
table = "b"
column = { name = "tag", type = "text" }
up = "'n:' || label"
down = { label = "substr(tag, 3)" }
"#;

#[tokio::test]
async fn a_trigger_of_another_table_does_not_stop_the_way_back() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(PAIR, PAIR_TAGS, Stop::Drop).await;
    // The first engine comes as far as both tables' rows, then it is gone.
    let mut jobs = 0;
    for step in undo_of(&host) {
        match step {
            Step::Rows(job) => {
                work(&mut host, &job).await;
                jobs += 1;
                if jobs == 2 {
                    break;
                }
            }
            Step::Act { id, .. } => done(&mut host, Op::Apply(id)).await,
            other => panic!("{other:?}"),
        }
    }
    let trigger = "SELECT trigger_name FROM pilothouse.dual_write WHERE table_name = 'b'";
    let trigger = case.rows(trigger).await;
    case.run("postgres", &format!("DROP TRIGGER {trigger} ON b"))
        .await
        .unwrap();
    case.app("UPDATE b SET tag = 'n:dark' WHERE id = 7").await;
    let report = host.run(Job::Undo(Stop::Drop)).await;
    let wanted = Restored {
        exported: 19,
        down: 1,
    };
    assert_eq!(restored(report), wanted);
    // What was restored while the trigger was away is restored anew.
    assert_eq!(case.rows("SELECT label FROM b WHERE id = 7").await, "dark");
    assert_eq!(
        case.rows("SELECT count(*) FROM a WHERE label = 'v' || id")
            .await,
        "10"
    );
}
