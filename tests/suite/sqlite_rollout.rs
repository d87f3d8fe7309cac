//! A whole rollout over three files, and the way back from every stage.

use crate::contract_cases::host::Host;
use crate::contract_cases::{Fixture, Write, route};
use crate::sqlite_fixture::{SqliteFixture, before_drop, identity};
use pilothouse::base::{ShardName, Stop};
use pilothouse::rollout::Job;

struct Fleet {
    shards: Vec<(SqliteFixture, Host)>,
}

impl Fleet {
    async fn new() -> Self {
        let mut shards = Vec::new();
        for rows in [0, 7, 60] {
            let fixture = SqliteFixture::new(rows).await;
            let host = Host::new(fixture.shard(), &route(), &identity().id);
            shards.push((fixture, host));
        }
        Self { shards }
    }

    async fn advance_to(&mut self, stop: Stop) {
        for (_, host) in &mut self.shards {
            host.advance_to(stop).await;
        }
    }

    async fn dumps(&self) -> Vec<String> {
        let mut dumps = Vec::new();
        for (fixture, _) in &self.shards {
            dumps.push(fixture.dump().await);
        }
        dumps
    }
}

#[tokio::test]
async fn three_files_go_from_preflight_to_drop() {
    let mut fleet = Fleet::new().await;
    for stop in route() {
        fleet.advance_to(stop).await;
        let key = 1_000 + i64::from(stop.share_percent()) * 10 + stop.to_string().len() as i64;
        for (n, (fixture, _)) in fleet.shards.iter().enumerate() {
            // The application goes on, in the form that rules at the time.
            let write = if stop.share_percent() < 100 {
                let old = format!("w{key}");
                Write::Insert { key, old }
            } else {
                let new = format!("n:w{key}");
                Write::InsertNew { key, new }
            };
            let done = fixture.write(write).await;
            let taken = done.as_ref().is_err_and(|e| e.contains("UNIQUE"));
            assert!(done.is_ok() || taken, "shard {n} at {stop}: {done:?}");
        }
    }
    for (fixture, host) in &mut fleet.shards {
        let rows = fixture.rows().await;
        assert!(
            rows.iter().all(|r| r.new.is_some() && r.old.is_none()),
            "{rows:?}"
        );
        assert_eq!(host.ended, Some(Stop::Drop));
        host.shard.forget().await.unwrap();
        assert!(!fixture.content().await.contains("pilothouse"));
    }
    let name = ShardName::new("s1").unwrap();
    let flags = &fleet.shards[0].0.flags;
    assert_eq!(flags.percent.lock().unwrap().get(&name), Some(&100));
}

#[tokio::test]
async fn every_stage_leads_back_to_the_same_schema_and_rows() {
    for last in before_drop() {
        if last <= Stop::Snapshot {
            continue;
        }
        let mut fleet = Fleet::new().await;
        let dumps = fleet.dumps().await;
        fleet.advance_to(last).await;
        for (fixture, host) in fleet.shards.iter_mut().rev() {
            host.undo_to(Stop::Snapshot).await;
            let flag = fixture
                .flags
                .percent
                .lock()
                .unwrap()
                .values()
                .next()
                .copied();
            assert_eq!(flag.unwrap_or(0), 0);
        }
        assert_eq!(fleet.dumps().await, dumps, "back from {last}");
        for (n, rows) in [0, 7, 60].into_iter().enumerate() {
            let found = fleet.shards[n].0.rows().await;
            assert_eq!(found.len(), rows);
            assert!(found.iter().all(|r| r.old == Some(format!("v{}", r.key))));
        }
    }
}

#[tokio::test]
async fn a_rollback_may_begin_in_the_middle_of_a_stop() {
    let mut fleet = Fleet::new().await;
    let dumps = fleet.dumps().await;
    fleet.advance_to(Stop::DualWrite).await;
    for (fixture, host) in &mut fleet.shards {
        // Dies after a few chunks; what it had begun is undone by another.
        host.mishap = None;
        let plan = host.shard.plan().plan.stops[&Stop::Backfill].clone();
        assert_eq!(plan.run.len(), 1);
        let job = crate::contract_cases::cases::job_of(host, Stop::Backfill);
        let ranges = 1;
        host.ask(pilothouse::worker::Op::Split {
            job: job.clone(),
            ranges,
        })
        .await;
        let (range, after, rows) = (0, None, 3);
        host.ask(pilothouse::worker::Op::Chunk {
            job,
            range,
            after,
            rows,
        })
        .await;
        host.epoch = None;
        host.run(Job::Undo(Stop::Backfill)).await;
        host.undo_to(Stop::Snapshot).await;
        assert!(fixture.rows().await.iter().all(|r| r.new.is_none()));
    }
    assert_eq!(fleet.dumps().await, dumps);
}
