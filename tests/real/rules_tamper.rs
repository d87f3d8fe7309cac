//! A trigger that was touched is found, and lies in rows are found without it.

use crate::bench::{Case, sight};
use crate::contract_cases::host::Host;
use crate::rules_authority::{ACCOUNT, CENTS};
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::rollout::{Job, Report};
use pilothouse::worker::{ErrorKind, Op, Reply};

/// Ways to touch a trigger, with what is said about each.
async fn touches(case: &Case) -> Vec<(String, &'static str)> {
    let trigger = case.trigger().await;
    let defined =
        format!("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = '{trigger}'");
    let defined = case.rows(&defined).await;
    let function = case
        .rows("SELECT tgfoid::regproc FROM pg_trigger WHERE tgname LIKE 'zzzz%'")
        .await;
    let up = "SELECT oid::regprocedure FROM pg_proc WHERE proname LIKE 'up\\_%'";
    let up = case.rows(up).await;
    let on = format!("ALTER TABLE account ENABLE ALWAYS TRIGGER {trigger}");
    vec![
        (
            format!("ALTER TABLE account DISABLE TRIGGER {trigger}"),
            "switched off",
        ),
        (
            format!("ALTER TABLE account DISABLE TRIGGER ALL; {on}"),
            "touched",
        ),
        (
            format!("ALTER TABLE account ENABLE TRIGGER {trigger}"),
            "switched off",
        ),
        (format!("DROP TRIGGER {trigger} ON account"), "missing"),
        (
            format!("DROP TRIGGER {trigger} ON account; {defined}; {on}"),
            "touched",
        ),
        (
            format!(
                "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
            ),
            "touched",
        ),
        (format!("DROP FUNCTION {up} CASCADE"), "missing"),
    ]
}

#[tokio::test]
async fn a_touched_trigger_voids_all_proof_and_is_put_back() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ACCOUNT, CENTS, Stop::Verify).await;
    for (touch, said) in touches(&case).await {
        let generation = sight(&mut host).await.generation;
        case.run("postgres", &touch).await.unwrap();
        let found = sight(&mut host).await.dual_write_broken;
        assert!(
            found.as_ref().is_some_and(|f| f.contains(said)),
            "{touch}: {found:?}"
        );
        let report = host.run(Job::Advance(Stop::Shift(10))).await;
        // The old form was the truth all the time, or nobody knows.
        assert!(
            matches!(&report, Some(Report::Failed { fault }) if fault.code == "PH010"),
            "{touch}: {report:?}"
        );
        let bumped = host.reports.iter().rev().find_map(|r| match r {
            Report::GenerationBumped { generation, .. } => Some(*generation),
            _ => None,
        });
        assert_eq!(bumped, Some(generation + 1), "{touch}");
        let seen = sight(&mut host).await;
        assert_eq!(
            (seen.generation, seen.dual_write_broken),
            (generation + 1, None)
        );
        assert_eq!(seen.ended, Some(Stop::DualWrite), "{touch}");
        let proofs = "SELECT count(*) FROM pilothouse.checkpoint";
        assert_eq!(case.rows(proofs).await, "0", "{touch}");
        host.ended = Some(Stop::DualWrite);
        case.app("UPDATE account SET balance = balance + 1 WHERE id = 1")
            .await;
        host.advance_to(Stop::Verify).await;
    }
}

#[tokio::test]
async fn a_partition_whose_trigger_is_off_is_found() {
    if !require_postgres() {
        return;
    }
    let setup =
        "CREATE TABLE account (id bigint PRIMARY KEY, balance integer) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF account FOR VALUES FROM (0) TO (10);
        CREATE TABLE high PARTITION OF account FOR VALUES FROM (10) TO (100)";
    let (case, mut host) = Case::at(setup, CENTS, Stop::Backfill).await;
    let trigger = case.trigger().await;
    case.run(
        "postgres",
        &format!("ALTER TABLE high DISABLE TRIGGER {trigger}"),
    )
    .await
    .unwrap();
    let found = sight(&mut host).await.dual_write_broken.unwrap_or_default();
    assert!(found.contains("partition"), "{found}");
    let report = host.run(Job::Advance(Stop::Verify)).await;
    assert!(
        matches!(
            report,
            Some(Report::Regressed {
                found: Stop::DualWrite,
                ..
            })
        ),
        "{report:?}"
    );
    assert_eq!(sight(&mut host).await.dual_write_broken, None);
    // A partition that comes later is no tampering.
    case.run(
        "postgres",
        "CREATE TABLE top PARTITION OF account FOR VALUES FROM (100) TO (200)",
    )
    .await
    .unwrap();
    assert_eq!(sight(&mut host).await.dual_write_broken, None);
}

#[tokio::test]
async fn in_shift_a_touched_trigger_fails_the_shard() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ACCOUNT, CENTS, Stop::Shift(10)).await;
    let (touch, _) = touches(&case).await.swap_remove(0);
    case.run("postgres", &touch).await.unwrap();
    case.app("UPDATE account SET cents = 12345 WHERE id = 1")
        .await;
    match host.run(Job::Advance(Stop::Shift(100))).await {
        Some(Report::Failed { fault }) => assert_eq!(fault.code, "PH010"),
        other => panic!("{other:?}"),
    }
    assert_eq!(sight(&mut host).await.dual_write_broken, None);
    case.app("UPDATE account SET cents = 500 WHERE id = 2")
        .await;
    assert_eq!(
        case.rows("SELECT balance FROM account WHERE id = 2").await,
        "5"
    );
}

#[tokio::test]
async fn disarm_takes_the_trigger_away_and_fences_the_engine_out() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ACCOUNT, CENTS, Stop::Backfill).await;
    let mine = host.epoch.unwrap();
    case.refused("42501", "SELECT pilothouse.disarm()").await;
    case.run("migrator", "SET ROLE owner; SELECT pilothouse.disarm()")
        .await
        .unwrap();
    let left = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal";
    assert_eq!(case.rows(left).await, "0");
    case.app("UPDATE account SET balance = 77 WHERE id = 1")
        .await;
    for op in [
        Op::begin(Stop::Verify),
        Op::EndStop(Stop::Verify),
        Op::MendDualWrite,
    ] {
        match host.ask(op).await {
            Reply::Error(error) => assert_eq!(error.kind, ErrorKind::Fenced { epoch: mine + 1 }),
            other => panic!("{other:?}"),
        }
    }
    let report = host.run(Job::Advance(Stop::Verify)).await;
    assert_eq!(report, Some(Report::Fenced { epoch: mine + 1 }));
    // An engine started later puts it back and proves nothing from before.
    let mut later = case.host();
    later.ended = Some(Stop::Backfill);
    let report = later.run(Job::Advance(Stop::Verify)).await;
    assert!(
        matches!(
            report,
            Some(Report::Regressed {
                found: Stop::DualWrite,
                ..
            })
        ),
        "{report:?}"
    );
    later.advance_to(Stop::Verify).await;
    assert_eq!(
        case.rows("SELECT cents FROM account WHERE id = 1").await,
        "7700"
    );
}

async fn caught(host: &mut Host) -> (String, String) {
    match host.run(Job::Advance(Stop::Verify)).await {
        Some(Report::Failed { fault }) if fault.code == "PH012" => {
            (fault.what, fault.why.unwrap_or_default())
        }
        other => panic!("verify was blind: {other:?}"),
    }
}

#[tokio::test]
async fn verify_names_rows_that_were_changed_without_a_trace() {
    if !require_postgres() {
        return;
    }
    let (case, mut host) = Case::at(ACCOUNT, CENTS, Stop::Backfill).await;
    host.ranges = 1;
    for (lie, what, why) in [
        (
            "UPDATE account SET cents = cents + 1 WHERE id = 7",
            "1 rows of 20",
            "key 7",
        ),
        (
            "UPDATE account SET cents = CASE id WHEN 3 THEN 900 ELSE 300 END WHERE id IN (3, 9)",
            "2 rows of 20",
            "key 3",
        ),
        (
            "UPDATE account SET cents = cents + 5",
            "20 rows of 20",
            "key 1",
        ),
    ] {
        case.tamper("account", lie).await;
        assert_eq!(
            sight(&mut host).await.dual_write_broken,
            None,
            "the lie is hidden"
        );
        let found = caught(&mut host).await;
        assert!(found.0.starts_with(what), "{found:?}");
        assert!(found.1.contains(why), "{found:?}");
        case.tamper("account", "UPDATE account SET cents = balance * 100")
            .await;
        host.advance_to(Stop::Verify).await;
        host.undo_to(Stop::Backfill).await;
    }
}
