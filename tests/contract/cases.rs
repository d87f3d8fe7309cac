//! Fence, registry, steps, undo, restore.

use super::host::{Host, Mishap};
use super::{Fixture, Row, Write, route, up};
use pilothouse::base::{Stop, code};
use pilothouse::rollout::{Job, Report, Restored};
use pilothouse::shard::count_restore;
use pilothouse::worker::{ErrorKind, Op, Probe, Reply, RowJob, ShardCall, Sighting, Step};

pub fn host<F: Fixture>(fixture: &F) -> Host {
    Host::new(fixture.shard(), &route(), &fixture.rollout())
}

pub async fn sight(host: &mut Host) -> Sighting {
    match host.ask(Op::Attach { pin: None }).await {
        Reply::Attached(sighting) => sighting,
        other => panic!("attach: {other:?}"),
    }
}

/// The row job of this stop whose id the plan knows.
pub fn job_of(host: &Host, stop: Stop) -> RowJob {
    let plan = &host.shard.plan().plan.stops[&stop];
    let job = plan.run.iter().find_map(|step| match step {
        Step::Rows(job) => Some(job.clone()),
        _ => None,
    });
    job.unwrap_or_else(|| panic!("{stop} has no row job"))
}

pub async fn assert_right<F: Fixture>(fixture: &F) {
    for row in fixture.rows().await {
        assert_eq!(row.new, row.old.as_deref().map(up), "row {}", row.key);
    }
}

pub async fn attach_on_a_virgin_shard_writes_nothing<F: Fixture>() {
    let fixture = F::new(5).await;
    let before = fixture.content().await;
    let seen = sight(&mut host(&fixture)).await;
    assert!(!seen.installed);
    assert!(!seen.pin.is_empty());
    assert_eq!((seen.epoch, seen.rollout, seen.ended), (0, None, None));
    assert_eq!(fixture.content().await, before);
}

pub async fn another_pin_is_refused<F: Fixture>() {
    let fixture = F::new(5).await;
    let mut host = host(&fixture);
    for _ in ["virgin", "installed"] {
        let pin = Some("some other database".to_owned());
        match host.ask(Op::Attach { pin }).await {
            Reply::Error(error) => {
                assert_eq!(error.kind, ErrorKind::Refused);
                assert_eq!(error.code, code::NOT_OURS);
            }
            other => panic!("another database was taken for ours: {other:?}"),
        }
        host.ask(Op::TakeOver { known_epoch: 0 }).await;
    }
    // The pin that was seen first holds for good.
    let pin = Some(sight(&mut host).await.pin);
    let again = host.ask(Op::Attach { pin }).await;
    assert!(matches!(again, Reply::Attached(_)), "{again:?}");
}

pub async fn take_over_bumps_the_epoch<F: Fixture>() {
    let fixture = F::new(5).await;
    let mut host = host(&fixture);
    for (known_epoch, epoch) in [(0, 1), (0, 2), (9, 10), (3, 11)] {
        let taken = host.ask(Op::TakeOver { known_epoch }).await;
        assert_eq!(taken, Reply::TakenOver { epoch });
    }
    let seen = sight(&mut host).await;
    assert!(seen.installed);
    assert_eq!(seen.epoch, 11);
    assert_eq!(seen.rollout, Some(fixture.rollout()));
}

pub async fn a_deposed_epoch_is_refused_in_every_effect<F: Fixture>() {
    let fixture = F::new(20).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::DualWrite).await;
    let job = job_of(&host, Stop::Backfill);
    host.ask(Op::Split {
        job: job.clone(),
        ranges: 1,
    })
    .await;
    let mine = host.epoch.unwrap();
    host.ask(Op::TakeOver { known_epoch: mine }).await;
    let before = fixture.content().await;
    let act = host.shard.plan().plan.stops[&Stop::DualWrite].undo[0].clone();
    let Step::Act { id: undo, .. } = act else {
        panic!("{act:?} is no act");
    };
    let stop = Stop::Backfill;
    let range = 0;
    let effects = [
        Op::begin(stop),
        Op::EndStop(stop),
        Op::EndUndo {
            undone: stop,
            remains: None,
        },
        Op::Apply(undo),
        Op::Split {
            job: job.clone(),
            ranges: 2,
        },
        Op::Chunk {
            job: job.clone(),
            range,
            after: None,
            rows: 5,
        },
        Op::CloseRange {
            job: job.clone(),
            range,
        },
        Op::Conclude(job),
        Op::SetShare(10),
        Op::ShareSeen(10),
        Op::MendDualWrite,
    ];
    for op in effects {
        let shown = format!("{op:?}");
        match host.call(ShardCall { epoch: mine, op }).await {
            Reply::Error(error) => {
                assert_eq!(error.kind, ErrorKind::Fenced { epoch: mine + 1 }, "{shown}");
                assert_eq!(error.code, code::FENCED, "{shown}");
            }
            other => panic!("{shown} got through with an old epoch: {other:?}"),
        }
    }
    assert_eq!(fixture.content().await, before);
    let report = host.run(Job::Advance(Stop::Backfill)).await;
    assert_eq!(report, Some(Report::Fenced { epoch: mine + 1 }));
}

pub async fn stops_are_recorded_on_the_shard<F: Fixture>() {
    let fixture = F::new(5).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Expand).await;
    assert_eq!(sight(&mut host).await.ended, Some(Stop::Expand));
    host.ask(Op::begin(Stop::DualWrite)).await;
    assert_eq!(sight(&mut host).await.ended, Some(Stop::Expand));
    host.undo_to(Stop::Snapshot).await;
    assert_eq!(sight(&mut host).await.ended, Some(Stop::Snapshot));
}

pub async fn preflight_writes_nothing<F: Fixture>() {
    let fixture = F::new(50).await;
    let before = fixture.content().await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Preflight).await;
    assert_eq!(fixture.content().await, before);
    assert!(!sight(&mut host).await.installed);
}

async fn apply_twice(host: &mut Host, steps: &[Step]) {
    for step in steps {
        let Step::Act { id, title } = step else {
            continue;
        };
        for round in ["once", "twice"] {
            let applied = host.ask(Op::Apply(id.clone())).await;
            assert!(
                matches!(applied, Reply::Done { .. }),
                "{title} {round}: {applied:?}"
            );
            let probed = host.ask(Op::Probe(id.clone())).await;
            assert_eq!(probed, Reply::Probed(Probe::Already), "{title} {round}");
        }
    }
}

pub async fn every_step_applies_twice_and_back_twice<F: Fixture>() {
    let fixture = F::new(20).await;
    let start = fixture.dump().await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Snapshot).await;
    let stops: Vec<Stop> = route()
        .into_iter()
        .filter(|s| *s > Stop::Snapshot && *s < Stop::Drop)
        .collect();
    let plan = host.shard.plan().plan.clone();
    for _ in ["once", "twice"] {
        for stop in &stops {
            let steps = &plan.stops[stop].run;
            let is_act = |s: &&Step| matches!(s, Step::Act { .. });
            if let Some(Step::Act { id, .. }) = steps.iter().find(is_act)
                && *stop == Stop::Expand
            {
                let probed = host.ask(Op::Probe(id.clone())).await;
                assert_eq!(probed, Reply::Probed(Probe::Absent), "before {stop}");
            }
            // Steps that wait for something are the worker's to order.
            if steps.iter().all(|s| matches!(s, Step::Act { .. })) {
                apply_twice(&mut host, steps).await;
            }
            host.advance_to(*stop).await;
            apply_twice(&mut host, steps).await;
        }
        for stop in stops.iter().rev() {
            let steps = &plan.stops[stop].undo;
            let report = host.run(Job::Undo(*stop)).await;
            assert_eq!(
                report,
                Some(Report::Undone {
                    stop: *stop,
                    restored: None
                })
            );
            apply_twice(&mut host, steps).await;
        }
        assert_eq!(fixture.dump().await, start);
    }
}

pub async fn undo_from_every_stop_restores_the_schema<F: Fixture>() {
    for last in route() {
        if last <= Stop::Snapshot || last == Stop::Drop {
            continue;
        }
        let fixture = F::new(20).await;
        let (dump, rows) = (fixture.dump().await, fixture.rows().await);
        let mut host = host(&fixture);
        host.advance_to(last).await;
        assert_ne!(fixture.dump().await, dump, "the oracle sees {last}");
        host.undo_to(Stop::Snapshot).await;
        assert_eq!(fixture.dump().await, dump, "undone from {last}");
        assert_eq!(fixture.rows().await, rows, "undone from {last}");
        host.shard.forget().await.unwrap();
        assert_eq!(fixture.dump().await, dump);
        assert!(!sight(&mut host).await.installed);
    }
}

pub async fn a_new_form_write_is_refused_while_the_old_form_rules<F: Fixture>() {
    let fixture = F::new(5).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::DualWrite).await;
    let rows = fixture.rows().await;
    let (key, new) = (10, "n:sneaked in".to_owned());
    for write in [
        Write::UpdateNew {
            key,
            new: new.clone(),
        },
        Write::InsertNew { key: 11, new },
    ] {
        let refused = fixture.write(write.clone()).await;
        assert!(
            refused
                .as_ref()
                .is_err_and(|e| e.contains(code::NEW_TOO_EARLY)),
            "{write:?}: {refused:?}"
        );
    }
    assert_eq!(fixture.rows().await, rows);
}

pub async fn an_old_form_write_is_refused_once_the_new_form_rules<F: Fixture>() {
    let fixture = F::new(5).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Retire).await;
    let rows = fixture.rows().await;
    let (key, old) = (10, "too late".to_owned());
    let refused = fixture.write(Write::Update { key, old }).await;
    assert!(
        refused
            .as_ref()
            .is_err_and(|e| e.contains(code::OLD_TOO_LATE)),
        "{refused:?}"
    );
    assert_eq!(fixture.rows().await, rows);
}

pub async fn what_the_plan_does_not_know_is_refused<F: Fixture>() {
    let fixture = F::new(5).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Snapshot).await;
    match host.ask(Op::Apply("no such step".into())).await {
        Reply::Error(error) => {
            assert_eq!(error.kind, ErrorKind::Refused, "{error:?}");
            assert_eq!(error.code, code::UNKNOWN_STEP, "{error:?}");
        }
        other => panic!("an unknown step was taken: {other:?}"),
    }
}

pub async fn a_lost_reply_changes_nothing<F: Fixture>() {
    lose_each_call::<F>(Mishap::ReplyLost).await;
}

pub async fn a_lost_call_changes_nothing<F: Fixture>() {
    lose_each_call::<F>(Mishap::CallLost).await;
}

/// Loses the 1st, 2nd, … call in turn until a run needs no such call.
async fn lose_each_call<F: Fixture>(mishap: Mishap) {
    let fixture = F::new(12).await;
    let mut clean = host(&fixture);
    clean.advance_to(Stop::Shift(100)).await;
    let (rows, dump) = (fixture.rows().await, fixture.dump().await);
    let filled: Vec<u64> = clean.concluded.iter().map(|e| e.rows).collect();
    for nth in 1.. {
        let fixture = F::new(12).await;
        let mut host = host(&fixture);
        host.mishap = Some((nth, mishap));
        host.advance_to(Stop::Shift(100)).await;
        assert_eq!(fixture.rows().await, rows, "call {nth}");
        assert_eq!(fixture.dump().await, dump, "call {nth}");
        // A lost answer to Conclude is asked for again.
        let mut seen: Vec<u64> = host.concluded.iter().map(|e| e.rows).collect();
        seen.truncate(filled.len());
        assert_eq!(seen, filled, "call {nth}");
        if host.calls < nth {
            assert!(nth > 20, "only {nth} calls: nothing was lost");
            break;
        }
    }
}

pub async fn drop_and_merge_restore_count_both_ways<F: Fixture>() {
    let fixture = F::new(20).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Drop).await;
    assert!(fixture.rows().await.iter().all(|r| r.old.is_none()));
    for write in [
        Write::UpdateNew {
            key: 10,
            new: "n:later".into(),
        },
        Write::InsertNew {
            key: 15,
            new: "n:born later".into(),
        },
        Write::Delete { key: 20 },
    ] {
        fixture.write(write).await.unwrap();
    }
    // Whoever asks before is told what it will come to, and nothing is written.
    let expected = Restored {
        exported: 18,
        down: 2,
    };
    let content = fixture.content().await;
    let shard = fixture.shard();
    for window in [1, 7, 1_000] {
        let counted = count_restore(shard.as_ref(), window).await;
        assert_eq!(counted.unwrap(), expected, "{window} rows at a time");
    }
    assert_eq!(fixture.content().await, content);
    host.undo_to(Stop::Retire).await;
    let counted = count_restore(shard.as_ref(), 1_000).await;
    assert_eq!(counted.unwrap(), Restored::default(), "nothing is dropped");
    let rows = fixture.rows().await;
    let old = |key: i64| {
        let row: Option<&Row> = rows.iter().find(|r| r.key == key);
        row.and_then(|r| r.old.clone())
    };
    assert_eq!(old(10).as_deref(), Some("later"));
    assert_eq!(old(15).as_deref(), Some("born later"));
    assert_eq!(old(20), None);
    assert_eq!(old(30).as_deref(), Some("v30"));
    assert_eq!(rows.len(), 20);
    // The journal is told both counts.
    let restored = Some(expected);
    let undone = host
        .reports
        .iter()
        .rev()
        .find(|r| matches!(r, Report::Undone { .. }));
    assert_eq!(
        undone,
        Some(&Report::Undone {
            stop: Stop::Drop,
            restored
        })
    );
    // The way forward is open again, and so is the way back.
    host.advance_to(Stop::Drop).await;
    host.undo_to(Stop::Snapshot).await;
    assert_eq!(fixture.rows().await.len(), 20);
}
