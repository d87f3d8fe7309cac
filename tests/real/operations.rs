//! Every operation, there and back: a roll back from anywhere restores the
//! exact schema, contract gives what the direct statements give, and an
//! engine may die after any call on either way.

use crate::bench::{Case, run_on};
use crate::contract_cases::host::Host;
use crate::operation_cases::{OPS, Op};
use crate::support::require_postgres;
use pilothouse::base::Stop;
use pilothouse::rollout::{Job, Report};

const SCHEMAS: [&str; 2] = ["public", "shop"];

fn fill(text: &str, schema: &str) -> String {
    text.replace("{s}", schema)
}

async fn case(op: &Op, schema: &str) -> Case {
    let setup = format!(
        "CREATE SCHEMA IF NOT EXISTS shop; {}",
        fill(op.setup, schema)
    );
    Case::new(&setup, &fill(op.migration, schema)).await
}

/// The schema after the direct statements.
async fn direct(op: &Op, schema: &str) -> String {
    let case = case(op, schema).await;
    let mut conn = case.connect("postgres").await;
    run_on(&mut conn, "SET ROLE owner").await.unwrap();
    let search = format!("SET search_path = {schema}");
    run_on(&mut conn, &search).await.unwrap();
    run_on(&mut conn, &fill(op.direct, schema)).await.unwrap();
    case.dump()
}

/// The first line in which two dumps differ, with what is around it.
fn difference(found: &str, wanted: &str) -> Option<String> {
    if found == wanted {
        return None;
    }
    let mut pairs = found.lines().zip(wanted.lines());
    let at = pairs.position(|(a, b)| a != b).unwrap_or(0);
    let around = |text: &str| {
        let lines: Vec<&str> = text.lines().skip(at.saturating_sub(3)).take(12).collect();
        lines.join("\n")
    };
    Some(format!("{}\n--- wanted\n{}", around(found), around(wanted)))
}

#[track_caller]
fn same(found: &str, wanted: &str, what: &str) {
    if let Some(difference) = difference(found, wanted) {
        panic!("{what}: {difference}");
    }
}

#[tokio::test]
async fn every_operation_goes_there_and_back_under_writes() {
    if !require_postgres() {
        return;
    }
    for op in OPS {
        for schema in SCHEMAS {
            let what = format!("{} in {schema}", op.name);
            let case = case(op, schema).await;
            let writes = fill(op.writes, schema);
            let before = case.dump();
            let mut host = case.host();
            for stop in [Stop::Expand, Stop::Verify, Stop::Shift(100)] {
                host.advance_to(stop).await;
                case.app(&writes).await;
            }
            host.undo_to(Stop::Preflight).await;
            same(
                &case.dump(),
                &before,
                &format!("{what}, rolled back from shift"),
            );
            case.app(&writes).await;
            host.advance_to(Stop::Drop).await;
            same(
                &case.dump(),
                &direct(op, schema).await,
                &format!("{what}, done"),
            );
            host.undo_to(Stop::Preflight).await;
            same(
                &case.dump(),
                &before,
                &format!("{what}, rolled back from the end"),
            );
            case.app(&writes).await;
        }
    }
}

/// Goes on after the engine died, until the job is done.
async fn finish(host: &mut Host, job: Job) -> bool {
    let report = host.run(job.clone()).await;
    match (&report, &job) {
        (Some(Report::Finished { .. }), Job::Advance(_))
        | (Some(Report::Undone { .. }), Job::Undo(_)) => true,
        (Some(Report::Failed { .. }) | None, _) => false,
        other => panic!("{other:?}"),
    }
}

/// Does the jobs; after its nth effect the first engine is gone, and another
/// one takes over. Whether there was another effect after the nth.
async fn die_after(host: &mut Host, jobs: &[Job], effects: u32) -> bool {
    host.gone_after_effect = Some(host.effects + effects);
    let mut died = false;
    for job in jobs {
        if !finish(host, job.clone()).await {
            assert!(!died, "{job:?} fails with an engine that lives");
            died = true;
            host.gone_after_effect = None;
            assert!(finish(host, job.clone()).await, "{job:?} cannot be resumed");
        }
    }
    host.gone_after_effect = None;
    died
}

#[tokio::test]
async fn an_engine_may_die_after_any_effect_of_any_operation() {
    if !require_postgres() {
        return;
    }
    let mut cut = 0;
    for op in OPS {
        let schema = "public";
        let case = case(op, schema).await;
        let before = case.dump();
        let wanted = direct(op, schema).await;
        let mut host = case.host();
        let there: Vec<Job> = host.route.iter().copied().map(Job::Advance).collect();
        let back: Vec<Job> = host.route.iter().rev().copied().map(Job::Undo).collect();
        // Preflight has nothing to undo.
        let back = &back[..back.len() - 1];
        for effects in 1.. {
            let died = die_after(&mut host, &there, effects).await;
            same(
                &case.dump(),
                &wanted,
                &format!("{}, died after effect {effects} there", op.name),
            );
            let died = die_after(&mut host, back, effects).await || died;
            same(
                &case.dump(),
                &before,
                &format!("{}, died after effect {effects} on the way back", op.name),
            );
            cut += 1;
            if !died {
                break;
            }
        }
    }
    assert!(cut > 100 * OPS.len() / 10, "only {cut} cuts");
}
