//! What the tests of operations share: a database with a case on it, the dump
//! it must have, and an engine that dies on either way.

use crate::bench::{Case, connect, database, run_on};
use crate::contract_cases::host::Host;
use crate::operation_cases::Op;
use pilothouse::rollout::{Job, Report};

pub const SCHEMAS: [&str; 2] = ["public", "shop"];

pub fn fill(text: &str, schema: &str) -> String {
    text.replace("{s}", schema)
}

pub async fn two_versions(op: &Op, schema: &str) -> Case {
    let setup = format!(
        "CREATE SCHEMA IF NOT EXISTS shop; {}",
        fill(op.setup, schema)
    );
    let versions = "versions = \"schemas\"\nversion = \"v2\"";
    let migration = format!("{versions}\n{}", fill(op.migration, schema));
    Case::new(&setup, &migration).await
}

pub async fn case(op: &Op, schema: &str) -> Case {
    let setup = format!(
        "CREATE SCHEMA IF NOT EXISTS shop; {}",
        fill(op.setup, schema)
    );
    Case::new(&setup, &fill(op.migration, schema)).await
}

/// The schema after the direct statements.
pub async fn direct(op: &Op, schema: &str) -> String {
    let setup = format!(
        "CREATE SCHEMA IF NOT EXISTS shop; {}",
        fill(op.setup, schema)
    );
    let (_lab, port, name) = database(&setup).await;
    let mut conn = connect(port, &name, "postgres").await;
    run_on(&mut conn, "SET ROLE owner").await.unwrap();
    let search = format!("SET search_path = {schema}");
    run_on(&mut conn, &search).await.unwrap();
    let done = run_on(&mut conn, &fill(op.direct, schema)).await;
    assert_eq!(done, Ok(()), "{}", op.name);
    crate::oracle::schema(port, &name)
}

/// The first line in which two dumps differ, with what is around it.
pub fn difference(found: &str, wanted: &str) -> Option<String> {
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

/// The dump with the columns of every table sorted: what went and came back
/// stands at the end.
pub fn sorted(dump: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut table: Option<Vec<String>> = None;
    for line in dump.lines() {
        match &mut table {
            Some(columns) if line.starts_with(')') => {
                columns.sort();
                out.append(columns);
                out.push(line.to_owned());
                table = None;
            }
            Some(columns) => columns.push(line.trim_end_matches(',').to_owned()),
            None => {
                table = line.starts_with("CREATE TABLE ").then(Vec::new);
                out.push(line.to_owned());
            }
        }
    }
    out.join("\n")
}

#[track_caller]
pub fn same(found: &str, wanted: &str, what: &str) {
    if let Some(difference) = difference(found, wanted) {
        panic!("{what}: {difference}");
    }
}

/// Goes on after the engine died, until the job is done.
pub async fn finish(host: &mut Host, job: Job) -> bool {
    let report = host.run(job).await;
    match (&report, &job) {
        (Some(Report::Finished { .. }), Job::Advance(_))
        | (Some(Report::Undone { .. }), Job::Undo(_)) => true,
        (Some(Report::Failed { .. }) | None, _) => false,
        other => panic!("{other:?}"),
    }
}

/// Does the jobs; after its nth effect the first engine is gone, and another
/// one takes over. Whether there was another effect after the nth.
pub async fn die_after(host: &mut Host, jobs: &[Job], effects: u32) -> bool {
    host.gone_after_effect = Some(host.effects + effects);
    let mut died = false;
    for job in jobs {
        if !finish(host, *job).await {
            let last = host.reports.last();
            assert!(
                !died && host.is_gone(),
                "{job:?} fails with an engine that lives: {last:?}"
            );
            died = true;
            host.gone_after_effect = None;
            assert!(finish(host, *job).await, "{job:?} cannot be resumed");
        }
    }
    host.gone_after_effect = None;
    died
}

/// There and back on one database, once for every effect after which the
/// engine may die. How many there were.
pub async fn die_everywhere(case: &Case, name: &str, wanted: &str) -> u32 {
    let before = sorted(&case.dump());
    let mut host = case.host();
    let there: Vec<Job> = host.route.iter().copied().map(Job::Advance).collect();
    let back: Vec<Job> = host.route.iter().rev().copied().map(Job::Undo).collect();
    // Preflight has nothing to undo.
    let back = &back[..back.len() - 1];
    for effects in 1.. {
        let died = die_after(&mut host, &there, effects).await;
        let done = sorted(&case.dump_without("public_v2"));
        let what = format!("{name}, died after effect {effects} there");
        same(&done, &sorted(wanted), &what);
        let died = die_after(&mut host, back, effects).await || died;
        let what = format!("{name}, died after effect {effects} on the way back");
        same(&sorted(&case.dump()), &before, &what);
        if !died {
            return effects;
        }
    }
    0
}
