//! Statements that run outside a transaction end with their engine's rights.

use crate::bench::Case;
use crate::contract_cases::host::Host;
use crate::rules_authority::{ACCOUNT, CENTS};
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::worker::{ErrorKind, Op, Reply, ShardCall, Step};
use sqlx::{Executor as _, PgConnection};
use std::time::{Duration, Instant};

/// Validated, or not.
const VALID: &str =
    "SELECT convalidated FROM pg_constraint WHERE conname LIKE 'pilothouse_not_null%'";
/// What one session must hold so that VALIDATE waits.
const IN_THE_WAY: &str = "BEGIN; LOCK TABLE account IN SHARE UPDATE EXCLUSIVE MODE";
const LONG_LOCK: &str = "SELECT pg_advisory_lock_shared(8100124630752718710)";
const LONG_HOLDERS: &str =
    "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND d.datname = current_database()";

/// A shard with the check in place but not validated, and the step that
/// validates it.
async fn before_validate() -> (Case, Host, String) {
    let (case, mut host) = Case::at(ACCOUNT, CENTS, Stop::Backfill).await;
    let steps = host.shard.plan().plan.stops[&Stop::Verify].run.clone();
    let acts: Vec<String> = steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Act { id, .. } => Some(id),
            _ => None,
        })
        .collect();
    let [check, validate] = acts.as_slice() else {
        panic!("{acts:?}");
    };
    let done = host.ask(Op::Apply(check.clone())).await;
    assert!(matches!(done, Reply::Done { .. }), "{done:?}");
    assert_eq!(case.rows(VALID).await, "f");
    let validate = validate.clone();
    (case, host, validate)
}

async fn execute(session: &mut PgConnection, sql: &'static str) {
    session.execute(sqlx::raw_sql(sql)).await.unwrap();
}

/// Looks until the number is there; fails if it never comes.
async fn await_count(case: &Case, sql: &str, wanted: &str) {
    let began = Instant::now();
    while case.rows(sql).await != wanted {
        assert!(began.elapsed() < Duration::from_secs(8), "{sql}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_ends_what_a_deposed_engine_runs_outside_a_transaction() {
    if !require_postgres() {
        return;
    }
    let (case, mut old, validate) = before_validate().await;
    let mut other = case.connect("postgres").await;
    execute(&mut other, IN_THE_WAY).await;
    let epoch = old.epoch.unwrap();
    let running = tokio::spawn(async move {
        let reply = old.ask(Op::Apply(validate)).await;
        (old, reply)
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
        AND query LIKE 'ALTER TABLE%VALIDATE%' AND datname = current_database()";
    await_count(&case, waiting, "1").await;
    let mut new = case.host();
    let began = Instant::now();
    let taken = new.ask(Op::TakeOver { known_epoch: epoch }).await;
    assert_eq!(taken, Reply::TakenOver { epoch: epoch + 1 });
    // It would have waited for ten seconds, and run for hours.
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    // The way is free now: whatever still runs would take effect.
    execute(&mut other, "COMMIT").await;
    let (_, reply) = running.await.unwrap();
    assert!(matches!(reply, Reply::Error(_)), "{reply:?}");
    assert_eq!(case.rows(waiting).await, "0");
    assert_eq!(case.rows(VALID).await, "f", "validated by a deposed engine");
}

#[tokio::test]
async fn a_deposed_engine_begins_nothing_outside_a_transaction() {
    if !require_postgres() {
        return;
    }
    let (case, mut old, validate) = before_validate().await;
    let epoch = old.epoch.unwrap();
    let mut new = case.host();
    new.ask(Op::TakeOver { known_epoch: epoch }).await;
    match old.ask(Op::Apply(validate.clone())).await {
        Reply::Error(error) => assert_eq!(error.kind, ErrorKind::Fenced { epoch: epoch + 1 }),
        other => panic!("{other:?}"),
    }
    assert_eq!(case.rows(VALID).await, "f");
    assert_eq!(case.rows(LONG_HOLDERS).await, "0", "after a refusal");
    // The owner's own step frees the lock, too.
    let op = Op::Apply(validate);
    let done = new
        .call(ShardCall {
            epoch: epoch + 1,
            op,
        })
        .await;
    assert!(matches!(done, Reply::Done { .. }), "{done:?}");
    assert_eq!(case.rows(VALID).await, "t");
    assert_eq!(case.rows(LONG_HOLDERS).await, "0", "after the step");
}

#[tokio::test]
async fn a_take_over_waits_for_what_it_may_not_end() {
    if !require_postgres() {
        return;
    }
    let (case, old, _) = before_validate().await;
    let known_epoch = old.epoch.unwrap();
    // A superuser's session: ours may not end it.
    let mut other = case.connect("postgres").await;
    execute(&mut other, LONG_LOCK).await;
    let mut new = case.host();
    match new.ask(Op::TakeOver { known_epoch }).await {
        Reply::Error(error) => {
            assert_eq!(
                (error.kind, error.code.as_str()),
                (ErrorKind::Yielded, "PH028")
            );
            assert!(error.message.contains("pid "), "{}", error.message);
        }
        other => panic!("took over beside a running statement: {other:?}"),
    }
    let epoch = "SELECT epoch FROM pilothouse.fence";
    assert_eq!(case.rows(epoch).await, known_epoch.to_string());
    execute(&mut other, "SELECT pg_advisory_unlock_all()").await;
    let taken = new.ask(Op::TakeOver { known_epoch }).await;
    let epoch = known_epoch + 1;
    assert_eq!(taken, Reply::TakenOver { epoch });
}

#[tokio::test]
async fn another_rollout_ends_nobody() {
    if !require_postgres() {
        return;
    }
    let (case, old, _) = before_validate().await;
    let known_epoch = old.epoch.unwrap();
    let theirs = "UPDATE pilothouse.registry SET rollout = 'another'";
    case.run("postgres", theirs).await.unwrap();
    let mut worker = case.connect("migrator").await;
    execute(&mut worker, LONG_LOCK).await;
    match case.host().ask(Op::TakeOver { known_epoch }).await {
        Reply::Error(error) => assert_eq!(error.code, "PH011"),
        other => panic!("{other:?}"),
    }
    execute(&mut worker, "SELECT 1").await;
}
