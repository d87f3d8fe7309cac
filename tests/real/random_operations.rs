//! Made-up migrations over made-up schemas, on a small fleet whose engines die
//! at made-up moments: what is accepted goes there and back, and comes to what
//! the direct statements come to.

use crate::bench::{Case, connect, database, endpoint, open, run_on, spec, texts_on};
use crate::contract_cases::host::Host;
use crate::dice::Dice;
use crate::random_case::{RandomCase, of};
use crate::support::require_postgres;
use crate::there_and_back::{die_after, same, sorted};
use pilothouse::base::Stop;
use pilothouse::migration;
use pilothouse::rollout::Job;
use std::path::Path;
use std::sync::Arc;

/// Cases of one run; `PILOTHOUSE_SEEDS=100..200` tries others.
const SEEDS: std::ops::Range<u64> = 1..41;
/// Each with an engine that dies at moments of its own.
const SHARDS: u64 = 2;

fn seeds() -> std::ops::Range<u64> {
    let given = std::env::var("PILOTHOUSE_SEEDS").ok();
    let range = given.and_then(|text| {
        let (from, to) = text.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    range.unwrap_or(SEEDS)
}

/// Every row on a line, without regard to the order of columns.
async fn rows(port: u16, name: &str, tables: &[String]) -> String {
    let mut conn = connect(port, name, "postgres").await;
    let mut found = Vec::new();
    for table in tables {
        let sql = format!("SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1");
        for row in texts_on(&mut conn, &sql).await {
            found.push(format!(
                "{table}: {}",
                row[0].as_deref().unwrap_or_default()
            ));
        }
    }
    found.join("\n")
}

/// Schema and rows after the direct statements.
async fn direct(case: &RandomCase) -> (String, String) {
    let (_lab, port, name) = database(&case.setup).await;
    let mut conn = connect(port, &name, "postgres").await;
    run_on(&mut conn, "SET ROLE owner").await.unwrap();
    for statement in [&case.writes].into_iter().chain(&case.direct) {
        let done = run_on(&mut conn, statement).await;
        assert_eq!(done, Ok(()), "directly: {statement}");
    }
    let schema = sorted(&crate::oracle::schema(port, &name));
    (schema, rows(port, &name, &case.tables).await)
}

/// Jobs from where the host stands to the end of a stop.
fn there(host: &Host, to: Stop) -> Vec<Job> {
    let stops = host.route.iter().copied();
    let ahead = stops.filter(|stop| Some(*stop) > host.ended && *stop <= to);
    ahead.map(Job::Advance).collect()
}

fn back(host: &Host) -> Vec<Job> {
    let stops = host.route.iter().rev().copied();
    let behind = stops.filter(|s| Some(*s) <= host.ended && *s > Stop::Preflight);
    behind.map(Job::Undo).collect()
}

/// Whether the case was accepted.
async fn on_a_shard(seed: u64, shard: u64, case: &RandomCase) -> bool {
    let what = format!(
        "seed {seed}, shard {shard}:\n{}\n{}",
        case.setup, case.migration
    );
    let text = format!("name = \"change\"\n{}", case.migration);
    let Ok(loaded) = migration::parse(&text, Path::new("change.toml")) else {
        return false;
    };
    let migration = loaded.migration;
    // Shown if it fails.
    println!("{what}");
    let (lab, port, name) = database(&case.setup).await;
    let before = crate::oracle::schema(port, &name);
    let rows_before = rows(port, &name, &case.tables).await;
    let opened = open(&spec(vec![endpoint(port, &name)], Vec::new()), &migration).await;
    let Ok(opened) = opened else {
        same(&crate::oracle::schema(port, &name), &before, &what);
        return false;
    };
    let case_on = Case {
        lab,
        database: name.clone(),
        shard: Arc::new(opened),
    };
    let mut dice = Dice::new(seed * 1_000 + shard);
    let mut host = case_on.host();
    let turn = host.route[2 + dice.below(host.route.len() - 2)];
    let jobs = there(&host, turn);
    die_after(&mut host, &jobs, 1 + dice.below(12) as u32).await;
    let jobs = back(&host);
    die_after(&mut host, &jobs, 1 + dice.below(12) as u32).await;
    let found = sorted(&crate::oracle::schema(port, &name));
    same(
        &found,
        &sorted(&before),
        &format!("{what}\nback from {turn}"),
    );
    let found = rows(port, &name, &case.tables).await;
    same(
        &found,
        &rows_before,
        &format!("{what}\nrows back from {turn}"),
    );

    host.advance_to(Stop::Verify).await;
    case_on.app(&case.writes).await;
    let jobs = there(&host, Stop::Drop);
    die_after(&mut host, &jobs, 1 + dice.below(16) as u32).await;
    let (schema, wanted) = direct(case).await;
    let versions = ["public_v2", "shop_v2"];
    let found = match versions
        .iter()
        .find(|v| crate::oracle::schema(port, &name).contains(&format!("SCHEMA {v}")))
    {
        Some(version) => case_on.dump_without(version),
        None => case_on.dump(),
    };
    same(&sorted(&found), &schema, &format!("{what}\ndone"));
    let found = rows(port, &name, &case.tables).await;
    same(&found, &wanted, &format!("{what}\nrows done"));
    true
}

#[tokio::test]
async fn what_is_accepted_comes_to_what_was_meant() {
    if !require_postgres() {
        return;
    }
    let (mut accepted, mut refused) = (0, 0);
    for seed in seeds() {
        let case = of(seed);
        for shard in 0..SHARDS {
            match on_a_shard(seed, shard, &case).await {
                true => accepted += 1,
                false => refused += 1,
            }
        }
    }
    eprintln!("{accepted} taken to the end, {refused} refused before anything was touched");
    assert!(
        accepted >= refused,
        "{accepted} accepted, {refused} refused"
    );
}
