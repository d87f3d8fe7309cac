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

/// What `up` makes alike, `down` cannot tell apart: the old value stays until
/// the new one is written, on every way and at every stop.
#[tokio::test]
async fn an_old_value_that_up_makes_alike_stays_until_the_new_one_is_written() {
    if !require_postgres() {
        return;
    }
    const SETUP: &str = "CREATE TABLE payee (id bigint, region text NOT NULL, iban text, n integer, PRIMARY KEY (id, region))
          PARTITION BY LIST (region);
        CREATE TABLE payee_a PARTITION OF payee FOR VALUES IN ('a');
        CREATE TABLE payee_b PARTITION OF payee FOR VALUES IN ('b');
        INSERT INTO payee SELECT n, 'a', CASE WHEN n % 4 <> 0 THEN 'de ' || n END, n FROM generate_series(1, 40) n";
    const MIGRATION: &str = r#"versions = "schemas"
version = "v2"
[[operation]]
alter_column = { table = "payee", column = "iban", nullable = false, up = "coalesce(upper(replace(iban, ' ', '')), 'none')" }
"#;
    let (case, mut host) = Case::at(SETUP, MIGRATION, Stop::Retire).await;
    case.app("UPDATE payee SET n = n + 100 WHERE id IN (1, 4)")
        .await;
    case.app("UPDATE payee SET region = 'b' WHERE id IN (2, 8)")
        .await;
    case.app("UPDATE public_v2.payee SET iban = 'NEW' WHERE id = 3")
        .await;
    case.refused("PH", "UPDATE payee SET iban = 'late' WHERE id = 5")
        .await;
    case.refused("PH", "INSERT INTO payee VALUES (50, 'a', 'late')")
        .await;
    case.app("INSERT INTO public_v2.payee VALUES (51, 'a', 'DE51')")
        .await;
    host.advance_to(Stop::Drop).await;
    let now = "SELECT iban FROM payee WHERE id IN (1, 2, 3, 4, 51) ORDER BY id";
    assert_eq!(case.rows(now).await, "DE1, DE2, NEW, none, DE51");
    case.app("UPDATE payee SET n = 0 WHERE id = 6").await;
    case.app("UPDATE payee SET iban = 'DROPPED' WHERE id = 7")
        .await;
    host.undo_to(Stop::Preflight).await;
    let back = "SELECT id, iban FROM payee WHERE id < 10 OR id > 50 ORDER BY id";
    assert_eq!(
        case.rows(back).await,
        "1|de 1, 2|de 2, 3|NEW, 4|-, 5|de 5, 6|de 6, 7|DROPPED, 8|-, 9|de 9, 51|DE51"
    );
}

/// What neither form explains is found before the old one goes.
#[tokio::test]
async fn a_row_that_neither_form_explains_stops_contract() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ITEM, TAG, Stop::Shift(100)).await;
    case.tamper(
        "item",
        "UPDATE item SET label = 'x', tag = 'n:y' WHERE id = 4",
    )
    .await;
    let report = host.run(Job::Advance(Stop::Retire)).await;
    let Some(Report::Failed { fault }) = &report else {
        panic!("{report:?}");
    };
    assert_eq!(fault.code, "PH012", "{fault:?}");
}

/// Two old columns behind one new one: a client that knows the new one alone
/// writes rows at every stop, and both old ones follow together.
#[tokio::test]
async fn several_old_columns_follow_one_new_one_together() {
    if !require_postgres() {
        return;
    }
    const SETUP: &str = "CREATE TABLE person (id bigint PRIMARY KEY, first text NOT NULL, last text NOT NULL, d integer);
        INSERT INTO person SELECT n, 'Mary Ann', 'Smith' || n, NULL FROM generate_series(1, 10) n";
    const MIGRATION: &str = r#"
[[operation]]
[operation.add_column]
table = "person"
column = { name = "whole", type = "text" }
up = "first || ' ' || last"
down = { first = "split_part(whole, ' ', 1)", last = "substr(whole, strpos(whole, ' ') + 1) || CASE WHEN d IS NULL THEN '' ELSE ' x' END" }
"#;
    let (case, mut host) = Case::at(SETUP, MIGRATION, Stop::Shift(100)).await;
    let insert = "INSERT INTO person (id, whole) VALUES";
    case.app(&format!("{insert} (21, 'Joe Doe')")).await;
    host.advance_to(Stop::Retire).await;
    case.app(&format!("{insert} (22, 'Eve Roe')")).await;
    case.refused(
        "PH",
        "INSERT INTO person (id, first, last, whole) VALUES (23, 'a', 'b', 'c d')",
    )
    .await;
    case.app("UPDATE person SET d = 1 WHERE id = 1").await;
    case.refused("PH", "UPDATE person SET last = 'late' WHERE id = 2")
        .await;
    let both = "SELECT first, last FROM person WHERE id IN (1, 2, 21, 22) ORDER BY id";
    assert_eq!(
        case.rows(both).await,
        "Mary|Ann Smith1 x, Mary Ann|Smith2, Joe|Doe, Eve|Roe"
    );
    host.advance_to(Stop::Drop).await;
    host.undo_to(Stop::Preflight).await;
    assert_eq!(
        case.rows(both).await,
        "Mary|Ann Smith1 x, Mary Ann|Smith2, Joe|Doe, Eve|Roe"
    );
}

/// What `up` makes of nothing, a client of the new form may well write: the old
/// column, which must have a value, gets one all the same.
#[tokio::test]
async fn an_old_column_that_must_have_a_value_gets_one() {
    if !require_postgres() {
        return;
    }
    const SETUP: &str = "CREATE TABLE kind (id bigint PRIMARY KEY, old text NOT NULL);
        INSERT INTO kind SELECT n, 'a' FROM generate_series(1, 5) n";
    const MIGRATION: &str = r#"
[[operation]]
[operation.add_column]
table = "kind"
column = { name = "new", type = "text" }
up = "CASE WHEN old = 'a' THEN 'active' ELSE 'other' END"
down = { old = "CASE new WHEN 'active' THEN 'a' ELSE 'o' END" }
"#;
    let (case, mut host) = Case::at(SETUP, MIGRATION, Stop::Shift(100)).await;
    case.app("INSERT INTO kind (id, new) VALUES (11, 'other')")
        .await;
    host.advance_to(Stop::Retire).await;
    case.app("INSERT INTO kind (id, new) VALUES (12, 'other')")
        .await;
    let rows = case
        .rows("SELECT old FROM kind WHERE id > 10 ORDER BY id")
        .await;
    assert_eq!(rows, "o, o");
    host.undo_to(Stop::Preflight).await;
}
