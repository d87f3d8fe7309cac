//! What only SQLite does.

use crate::contract_cases::cases::{assert_right, host, sight};
use crate::contract_cases::{Fixture, Row, Write, route};
use crate::sqlite_fixture::{
    ITEMS, SqliteFixture, add_column, connect, identity, labels, migration, open, run, table, texts,
};
use pilothouse::base::{ShardName, Stop};
use pilothouse::migration::{Backfill, Fill, Invariant, Operation, Sql, UserTriggers};
use pilothouse::rollout::{Job, Report, Restored};
use pilothouse::shard::{Measurement, SessionRole};
use pilothouse::worker::{CheckVerdict, ErrorKind, Op, Reply, ShardCall};
use sqlx::{AssertSqlSafe, Executor};

#[tokio::test]
async fn a_file_that_is_not_there_is_unreachable_and_not_made() {
    let fixture = SqliteFixture::new(5).await;
    std::fs::remove_file(&fixture.path).unwrap();
    match host(&fixture).ask(Op::Attach { pin: None }).await {
        Reply::Error(error) => assert_eq!(error.kind, ErrorKind::Unreachable),
        other => panic!("{other:?}"),
    }
    assert!(!fixture.path.exists());
}

#[tokio::test]
async fn a_trigger_dropped_and_made_again_is_noticed() {
    let fixture = SqliteFixture::new(5).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Backfill).await;
    assert_eq!(sight(&mut host).await.dual_write_broken, None);
    let all = texts(
        &fixture.path,
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'",
    )
    .await;
    let (name, sql) = (all[0][0].clone().unwrap(), all[0][1].clone().unwrap());
    run(&fixture.path, &format!("DROP TRIGGER {name}; {sql};"))
        .await
        .unwrap();
    let broken = sight(&mut host).await.dual_write_broken;
    assert!(broken.is_some_and(|why| why.contains("schema_version")));
}

#[tokio::test]
async fn a_busy_file_makes_us_give_way() {
    let fixture = SqliteFixture::new(5).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::DualWrite).await;
    let mut other = connect(&fixture.path).await;
    other
        .execute(sqlx::raw_sql("BEGIN IMMEDIATE"))
        .await
        .unwrap();
    let mut session = host.shard.session(SessionRole::Range);
    let call = ShardCall {
        epoch: host.epoch.unwrap(),
        op: Op::begin(Stop::Backfill),
    };
    match session.call(call.clone()).await {
        Reply::Error(error) => {
            assert_eq!(
                (error.kind, error.code.as_str()),
                (ErrorKind::Yielded, "sqlite/busy")
            );
        }
        reply => panic!("{reply:?}"),
    }
    other.execute(sqlx::raw_sql("ROLLBACK")).await.unwrap();
    assert!(matches!(session.call(call).await, Reply::Done { .. }));
}

#[tokio::test]
async fn cancel_ends_a_running_statement_and_nothing_else() {
    let mut plan = labels();
    // Long enough that only the cancel can end it.
    plan.invariants.push(Invariant {
        name: "endless".into(),
        sql:
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
                .into(),
    });
    let fixture = SqliteFixture::with(ITEMS, &plan).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Backfill).await;
    let mut session = host.shard.session(SessionRole::Lead);
    let call = ShardCall {
        epoch: host.epoch.unwrap(),
        op: Op::Check("verify/invariants".into()),
    };
    let shard = host.shard.clone();
    let mut running = session.call(call);
    // The statement may not have begun yet: ask until the call is over.
    let reply = loop {
        tokio::select! {
            biased;
            reply = &mut running => break reply,
            () = tokio::task::yield_now() => shard.cancel().await,
        }
    };
    drop(running);
    match reply {
        Reply::Error(error) => assert_eq!(error.kind, ErrorKind::Yielded, "{error:?}"),
        other => panic!("{other:?}"),
    }
    let again = session
        .call(ShardCall {
            epoch: 0,
            op: Op::Attach { pin: None },
        })
        .await;
    assert!(matches!(again, Reply::Attached(_)), "{again:?}");
}

#[tokio::test]
async fn the_direction_turns_when_the_flag_stands_at_100() {
    let fixture = SqliteFixture::new(5).await;
    let mut host = host(&fixture);
    let new_form = Write::UpdateNew {
        key: 10,
        new: "n:fresh".into(),
    };
    let old_form = Write::Update {
        key: 20,
        old: "stale".into(),
    };
    host.advance_to(Stop::Shift(10)).await;
    assert!(
        fixture
            .write(new_form.clone())
            .await
            .unwrap_err()
            .contains("PH001")
    );
    fixture.write(old_form.clone()).await.unwrap();
    host.advance_to(Stop::Shift(100)).await;
    // A statement that changes nothing is nobody's business; this one does.
    let old_form = Write::Update {
        key: 20,
        old: "too late".into(),
    };
    assert!(
        fixture
            .write(old_form.clone())
            .await
            .unwrap_err()
            .contains("PH002")
    );
    fixture.write(new_form.clone()).await.unwrap();
    assert_eq!(fixture.rows().await[0].old.as_deref(), Some("fresh"));
    host.undo_to(Stop::Shift(10)).await;
    let new_form = Write::UpdateNew {
        key: 10,
        new: "n:too late".into(),
    };
    assert!(fixture.write(new_form).await.unwrap_err().contains("PH001"));
    fixture.write(old_form).await.unwrap();
    assert_right(&fixture).await;
}

#[tokio::test]
async fn retire_waits_for_clients_that_are_behind() {
    let fixture = SqliteFixture::new(5).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Shift(100)).await;
    fixture.flags.behind.lock().unwrap().push("web-3".into());
    match host.ask(Op::Check("retire/quiet".into())).await {
        Reply::Checked(checks) => {
            assert_eq!(checks[0].verdict, CheckVerdict::Wait);
            assert!(checks[0].value.contains("web-3"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn text_keys_of_two_columns_are_walked_by_row_values() {
    let sql = "CREATE TABLE item (a TEXT COLLATE NOCASE, b INT, label TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
        INSERT INTO item SELECT 'it''s ' || (i % 7), i, 'v' || i FROM n;";
    let fixture = SqliteFixture::with(sql, &labels()).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Drop).await;
    let count = "SELECT count(*) FROM item WHERE tag IS 'n:v' || b";
    assert_eq!(
        texts(&fixture.path, count).await[0][0].as_deref(),
        Some("60")
    );
    host.undo_to(Stop::Retire).await;
    let count = "SELECT count(*) FROM item WHERE label IS 'v' || b";
    assert_eq!(
        texts(&fixture.path, count).await[0][0].as_deref(),
        Some("60")
    );
}

#[tokio::test]
async fn values_of_every_type_come_back_from_the_export_as_they_were() {
    let sql = "CREATE TABLE item (id INTEGER PRIMARY KEY, label);
        INSERT INTO item VALUES (1, 1), (2, 1.5), (3, '1'), (4, x'0001'), (5, NULL), (6, 'A');";
    // Loses the case and the type: only the export knows better.
    let add = add_column("item", "tag", "lower(label)", &[("label", "tag")]);
    let fixture = SqliteFixture::with(sql, &migration(vec![Operation::AddColumn(add)])).await;
    let all = "SELECT id, typeof(label), quote(label) FROM item ORDER BY id";
    let before = texts(&fixture.path, all).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Drop).await;
    host.undo_to(Stop::Snapshot).await;
    assert_eq!(texts(&fixture.path, all).await, before);
}

#[tokio::test]
async fn a_row_is_unchanged_only_if_all_that_down_reads_is() {
    let sql = "CREATE TABLE item (id INTEGER PRIMARY KEY, label TEXT, kind TEXT);
        INSERT INTO item VALUES (1, 'a', 'low'), (2, 'b', 'low'), (3, 'c', 'low');";
    let down = "CASE kind WHEN 'up' THEN upper(tag) ELSE tag END";
    let add = add_column("item", "tag", "label", &[("label", down)]);
    let fixture = SqliteFixture::with(sql, &migration(vec![Operation::AddColumn(add)])).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Drop).await;
    let raise = "UPDATE item SET kind = 'up' WHERE id = 2";
    run(&fixture.path, raise).await.unwrap();
    let report = host.run(Job::Undo(Stop::Drop)).await;
    let restored = Some(Restored {
        exported: 2,
        down: 1,
    });
    let stop = Stop::Drop;
    assert_eq!(report, Some(Report::Undone { stop, restored }));
    let labels = texts(&fixture.path, "SELECT label FROM item ORDER BY id").await;
    let labels: Vec<_> = labels.iter().map(|row| row[0].as_deref()).collect();
    assert_eq!(labels, [Some("a"), Some("B"), Some("c")]);
}

#[tokio::test]
async fn undoing_a_drop_that_never_came_that_far_changes_no_value() {
    let sql = "CREATE TABLE item (id INTEGER PRIMARY KEY, label TEXT);
        INSERT INTO item VALUES (1, 'Loses'), (2, 'Its'), (3, 'Case');";
    let all = "SELECT label FROM item ORDER BY id";
    for calls in 1..90 {
        let add = add_column("item", "tag", "lower(label)", &[("label", "tag")]);
        let fixture = SqliteFixture::with(sql, &migration(vec![Operation::AddColumn(add)])).await;
        let before = texts(&fixture.path, all).await;
        let mut host = host(&fixture);
        host.advance_to(Stop::Retire).await;
        // Everything from this call on never arrives: the engine is gone.
        host.gone_after = Some(host.calls + calls);
        let report = host.run(Job::Advance(Stop::Drop)).await;
        host.gone_after = None;
        if matches!(report, Some(Report::Finished { .. })) {
            assert!(calls > 10, "only {calls} calls: nothing was cut off");
            return;
        }
        host.run(Job::Undo(Stop::Drop)).await;
        assert_eq!(
            texts(&fixture.path, all).await,
            before,
            "cut off after {calls} calls"
        );
    }
    panic!("the drop never came to its end");
}

#[tokio::test]
async fn columns_filled_once_and_statements_by_hand_take_part() {
    let mut born = add_column("item", "born", "0", &[]);
    born.up = None;
    born.sql_type = "INTEGER".into();
    born.nullable = false;
    born.default = Some("0".into());
    let mut token = add_column("item", "token", "hex(randomblob(8))", &[]);
    token.fill = Fill::Once;
    let plan = migration(vec![
        Operation::AddColumn(born),
        Operation::AddColumn(token),
        Operation::Sql(Sql {
            up: "CREATE INDEX item_token ON item (token)".into(),
            down: Some("DROP INDEX item_token".into()),
            at: Default::default(),
            schema: None,
            probe: None,
        }),
        Operation::Backfill(Backfill {
            table: table("item"),
            set: [(crate::sqlite_fixture::ident("born"), "id * 2".to_owned())].into(),
        }),
    ]);
    let sql = format!("{ITEMS} INSERT INTO item VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    let fixture = SqliteFixture::with(&sql, &plan).await;
    let dump = fixture.dump().await;
    let mut host = host(&fixture);
    host.advance_to(Stop::DualWrite).await;
    run(
        &fixture.path,
        "UPDATE item SET token = 'mine', born = 7 WHERE id = 2",
    )
    .await
    .unwrap();
    run(
        &fixture.path,
        "INSERT INTO item (id, label) VALUES (4, 'd')",
    )
    .await
    .unwrap();
    host.advance_to(Stop::Retire).await;
    let all = texts(&fixture.path, "SELECT born, token FROM item ORDER BY id").await;
    let born: Vec<&str> = all.iter().map(|r| r[0].as_deref().unwrap()).collect();
    assert_eq!(born, ["2", "7", "6", "8"]);
    assert_eq!(all[1][1].as_deref(), Some("mine"));
    assert!(all.iter().all(|r| r[1].is_some()));
    host.undo_to(Stop::Snapshot).await;
    assert_eq!(fixture.dump().await, dump);
}

#[tokio::test]
async fn a_failed_invariant_keeps_verify_closed() {
    let mut plan = labels();
    plan.invariants.push(Invariant {
        name: "few".into(),
        sql: "SELECT count(*) < 2 FROM item".into(),
    });
    let sql = format!("{ITEMS} INSERT INTO item VALUES (1, 'a'), (2, 'b')");
    let fixture = SqliteFixture::with(&sql, &plan).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Backfill).await;
    match host.run(Job::Advance(Stop::Verify)).await {
        Some(Report::Failed { fault }) => assert_eq!(fault.code, "invariant/few"),
        other => panic!("{other:?}"),
    }
    run(&fixture.path, "DELETE FROM item WHERE id = 2")
        .await
        .unwrap();
    host.advance_to(Stop::Verify).await;
}

#[tokio::test]
async fn another_rollout_is_kept_out_and_forget_waits_for_the_end() {
    let fixture = SqliteFixture::new(5).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::DualWrite).await;
    let fault = host.shard.forget().await.unwrap_err();
    assert_eq!(fault.code, "PH017");
    let place = pilothouse::shard::sqlite::SqlitePlace {
        name: ShardName::new("s1").unwrap(),
        path: fixture.path.clone(),
        replicas: Vec::new(),
    };
    let mut other = identity();
    other.id = "r-2".into();
    let flags = fixture.flags.clone();
    let shard =
        pilothouse::shard::sqlite::SqliteShard::open(place, &labels(), other, &route(), flags);
    let shard = std::sync::Arc::new(shard.unwrap());
    let mut second = crate::contract_cases::host::Host::new(shard, &route(), "r-2");
    match second.ask(Op::TakeOver { known_epoch: 0 }).await {
        Reply::Error(error) => assert_eq!(error.code, "PH011"),
        reply => panic!("{reply:?}"),
    }
    assert_eq!(sight(&mut host).await.epoch, host.epoch.unwrap());
}

#[tokio::test]
async fn user_triggers_that_may_fire_do() {
    let mut plan = labels();
    plan.user_triggers = UserTriggers::Fire;
    let sql = format!(
        "{ITEMS} INSERT INTO item VALUES (1, 'a'), (2, 'b'); CREATE TABLE log (n);
         CREATE TRIGGER audit AFTER UPDATE ON item BEGIN INSERT INTO log VALUES (NEW.id); END"
    );
    let fixture = SqliteFixture::with(&sql, &plan).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Verify).await;
    let fired = texts(&fixture.path, "SELECT count(*) FROM log").await;
    assert_eq!(fired[0][0].as_deref(), Some("2"));
}

#[tokio::test]
async fn an_application_with_recursive_triggers_ends_right() {
    let fixture = SqliteFixture::new(5).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Backfill).await;
    let mut conn = connect(&fixture.path).await;
    let sql = "PRAGMA recursive_triggers = ON; UPDATE item SET label = label || '!'; \
               INSERT INTO item (id, label) VALUES (7, 'x'); \
               INSERT OR REPLACE INTO item (id, label) VALUES (10, 'again')";
    conn.execute(sqlx::raw_sql(AssertSqlSafe(sql)))
        .await
        .unwrap();
    assert_right(&fixture).await;
    let first = Row {
        key: 7,
        old: Some("x".into()),
        new: Some("n:x".into()),
    };
    assert_eq!(fixture.rows().await[0], first);
}

#[tokio::test]
async fn the_log_is_measured_and_a_follower_closes_the_throttle() {
    let fixture = SqliteFixture::new(5).await;
    let read = host(&fixture).shard.measure().await;
    let signals: Vec<&str> = read.iter().map(|m| m.signal.as_str()).collect();
    assert_eq!(signals, ["wal_bytes", "disk_free_bytes", "old_form_writes"]);
    assert!(read[0].value.is_some());
    let gone = open(
        "s2",
        &fixture.folder.path().join("nosuch.db"),
        &labels(),
        &fixture.flags,
    );
    let read = pilothouse::shard::Shard::measure(&gone).await;
    assert_eq!(read[0].value, None);
}

#[tokio::test]
async fn a_file_that_is_gone_is_a_shard_that_does_not_answer() {
    let fixture = SqliteFixture::new(1).await;
    let silent = |measured: Vec<Measurement>| {
        let mut primary = measured.into_iter().filter(|m| m.signal == "primary");
        primary.any(|m| m.value.is_none())
    };
    assert!(!silent(fixture.shard().measure().await));
    std::fs::remove_file(&fixture.path).unwrap();
    assert!(silent(fixture.shard().measure().await));
}

#[cfg(feature = "broken")]
#[tokio::test]
async fn an_engine_without_the_fence_check_is_caught() {
    let fixture = SqliteFixture::new(20).await;
    let mut good = host(&fixture);
    good.advance_to(Stop::DualWrite).await;
    let broken = open("s1", &fixture.path, &labels(), &fixture.flags);
    let broken = broken.with_variant(pilothouse::worker::Variant::NoFenceCheck);
    let job = crate::contract_cases::cases::job_of(&good, Stop::Backfill);
    let split = Op::Split {
        job: job.clone(),
        ranges: 1,
    };
    good.ask(split).await;
    let mine = good.epoch.unwrap();
    good.ask(Op::TakeOver { known_epoch: mine }).await;
    let op = Op::Chunk {
        job,
        range: 0,
        after: None,
        rows: 5,
    };
    let mut session = pilothouse::shard::Shard::session(&broken, SessionRole::Range);
    let reply = session.call(ShardCall { epoch: mine, op }).await;
    assert!(
        matches!(reply, Reply::Chunk(_)),
        "the contract's case would see {reply:?}"
    );
}
