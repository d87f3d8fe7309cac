//! Figures that need no database server.

use super::Figure;
use pilothouse::base::{
    Actor, Cause, Digest, MigrationName, Period, RingName, ShardName, Stage, Stop, Timestamp,
};
use pilothouse::drill::sim;
use pilothouse::engine::draft;
use pilothouse::fleet::Policy;
use pilothouse::rollout::{Event, Evidence, Fact, Member, Opening, Scope, State, apply};
use pilothouse::store::Store;
use std::collections::BTreeMap;
use std::time::Instant;

pub async fn figures() -> Vec<Figure> {
    vec![fold(), journal(1).await, journal(16).await, simulator()]
}

fn ring() -> RingName {
    RingName::new("broad").unwrap()
}

fn shard(n: u32) -> ShardName {
    ShardName::new(format!("s{n:05}")).unwrap()
}

fn opening(shards: u32) -> Opening {
    let members = (0..shards)
        .map(|n| Member {
            shard: shard(n),
            instance: format!("i{n}"),
        })
        .collect();
    Opening {
        id: "bench".into(),
        migration: MigrationName::new("bench").unwrap(),
        plan_digest: Digest::ZERO,
        shard_set_digest: Digest::ZERO,
        policy: Policy {
            signed: Default::default(),
            people: Default::default(),
            after: Stage::Verify,
            soak: Period::from_ms(0),
            shift_steps: vec![100],
            shift_soak: Period::from_ms(0),
            max_failed_shards: 0,
            verify_age_max: Period::from_ms(86_400_000),
            quiet: Period::from_ms(0),
            attempts_max: 12,
            approvals: BTreeMap::new(),
            approval_ttl: Period::from_ms(3_600_000),
        },
        guards: Vec::new(),
        route: vec![
            Stop::Preflight,
            Stop::Snapshot,
            Stop::Expand,
            Stop::DualWrite,
            Stop::Backfill,
            Stop::Verify,
            Stop::Shift(100),
            Stop::Retire,
            Stop::Drop,
        ],
        rings: vec![(ring(), members)],
        instance_caps: BTreeMap::new(),
        production: false,
        waived: Vec::new(),
    }
}

fn fact(scope: Scope, event: Event, at: u64) -> Fact {
    Fact {
        at: Timestamp(at),
        actor: Actor::engine(),
        scope,
        cause: Cause::Reconcile,
        key: None,
        reason: String::new(),
        event,
    }
}

/// A million facts of 100 shards going to and fro.
fn fold() -> Figure {
    let shards = 100_u32;
    let mut facts = vec![fact(
        Scope::Fleet,
        Event::RolloutOpened(Box::new(opening(shards))),
        0,
    )];
    let mut at = 1;
    while facts.len() < 1_000_000 {
        for n in 0..shards {
            let evidence = Evidence {
                rows: 1_000,
                chunks: 3,
                ..Evidence::default()
            };
            let scope = || Scope::Shard(shard(n));
            let begun = Event::StageBegun {
                stop: Stop::Backfill,
                shards: vec![shard(n)],
                plan_digest: Digest::ZERO,
                shard_set_digest: Digest::ZERO,
            };
            facts.push(fact(Scope::Fleet, begun, at));
            facts.push(fact(
                scope(),
                Event::ShardAttached {
                    pin: "x".into(),
                    epoch: 3,
                },
                at,
            ));
            facts.push(fact(
                scope(),
                Event::StageDone {
                    stop: Stop::Backfill,
                    generation: 1,
                    evidence,
                },
                at,
            ));
            facts.push(fact(
                scope(),
                Event::StageUndone {
                    stop: Stop::Backfill,
                    restored: None,
                },
                at,
            ));
            at += 1;
        }
    }
    let started = Instant::now();
    let mut state = State::default();
    facts.iter().for_each(|fact| apply(&mut state, fact));
    let took = started.elapsed().as_secs_f64();
    assert_eq!(state.facts, facts.len() as u64);
    Figure::new(
        format!("fold of {} decoded events, 100 shards", facts.len()),
        format!("{took:.2} s"),
        "≤ 2 s",
    )
}

/// Entries per second that are durable when their append returns.
async fn journal(writers: u32) -> Figure {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).await.unwrap();
    let store = std::sync::Arc::new(store);
    let started = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|n| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move {
                let mut count = 0_u64;
                while started.elapsed().as_secs() < 3 {
                    let event = Event::ShardAttached {
                        pin: "x".into(),
                        epoch: count,
                    };
                    store
                        .append(vec![draft(&fact(Scope::Shard(shard(n)), event, count))])
                        .await
                        .unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for task in tasks {
        total += task.await.unwrap();
    }
    let per_s = total / started.elapsed().as_secs().max(1);
    Figure::new(
        format!("journalled steps, {writers} at a time, this disk"),
        format!("{per_s} per s"),
        "reported",
    )
}

fn simulator() -> Figure {
    let started = Instant::now();
    let workers: Vec<_> = (0..2_u64)
        .map(|half| {
            std::thread::spawn(move || {
                let (mut runs, mut red) = (0_u64, 0_u64);
                while started.elapsed().as_secs() < 10 {
                    let outcome = sim::run(half * 1_000_000 + runs, sim::Options::default());
                    red += u64::from(!outcome.violations.is_empty());
                    runs += 1;
                }
                (runs, red)
            })
        })
        .collect();
    let (mut runs, mut red) = (0, 0);
    for worker in workers {
        let (done, found) = worker.join().unwrap();
        runs += done;
        red += found;
    }
    let seconds = started.elapsed().as_secs().max(1);
    Figure::new(
        "simulator runs, two threads",
        format!(
            "{} per minute; {red} of {runs} seeds red",
            runs * 60 / seconds
        ),
        "≥ 10,000 a minute",
    )
}
