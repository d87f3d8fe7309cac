//! Ranges, chunks, verify, mend.

use super::cases::{assert_right, host, job_of, sight};
use super::host::Host;
use super::{Fixture, Write, up};
use pilothouse::base::{Stop, code};
use pilothouse::rollout::{Job, Report};
use pilothouse::worker::{CallError, ErrorKind, Key, Op, RangeAt, Reply, RowJob, Step};

async fn split(host: &mut Host, job: &RowJob, ranges: u32) -> Vec<RangeAt> {
    let job = job.clone();
    match host.ask(Op::Split { job, ranges }).await {
        Reply::Ranges(ranges) => ranges,
        other => panic!("split: {other:?}"),
    }
}

async fn chunk(host: &mut Host, job: &RowJob, after: Option<Key>, rows: u32) -> Reply {
    let job = job.clone();
    host.ask(Op::Chunk {
        job,
        range: 0,
        after,
        rows,
    })
    .await
}

/// One chunk that must commit: its rows and the new cursor.
async fn work(host: &mut Host, job: &RowJob, after: Option<Key>, rows: u32) -> (u64, Option<Key>) {
    match chunk(host, job, after, rows).await {
        Reply::Chunk(done) => (done.rows, done.after),
        other => panic!("chunk: {other:?}"),
    }
}

async fn close(host: &mut Host, job: &RowJob) -> bool {
    let job = job.clone();
    match host.ask(Op::CloseRange { job, range: 0 }).await {
        Reply::Closed { empty } => empty,
        other => panic!("close: {other:?}"),
    }
}

/// A shard with its trigger on, and the job that fills it.
async fn before_backfill<F: Fixture>(rows: u32) -> (F, Host, RowJob) {
    let fixture = F::new(rows).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::DualWrite).await;
    let job = job_of(&host, Stop::Backfill);
    (fixture, host, job)
}

pub async fn split_is_cut_once_and_bounded_at_the_start<F: Fixture>() {
    let (fixture, mut host, job) = before_backfill::<F>(30).await;
    // Beginning the stop voids what an earlier pass cut.
    host.ask(Op::begin(Stop::Backfill)).await;
    let cut = split(&mut host, &job, 3).await;
    assert!(!cut.is_empty() && cut.len() <= 3);
    assert!(
        cut.iter()
            .all(|r| !r.closed && r.rows == 0 && r.chunks == 0)
    );
    for key in [5, 1_000, 2_000] {
        let old = format!("late {key}");
        fixture.write(Write::Insert { key, old }).await.unwrap();
    }
    assert_eq!(split(&mut host, &job, 9).await, cut);
    host.advance_to(Stop::Backfill).await;
    // Row 5 lies in the first range; the two at the end are the trigger's.
    assert_eq!(host.concluded.last().unwrap().rows, 31);
    assert_right(&fixture).await;
}

pub async fn backfill_fills_everything<F: Fixture>() {
    let (fixture, mut host, _) = before_backfill::<F>(100).await;
    assert!(fixture.rows().await.iter().all(|r| r.new.is_none()));
    host.advance_to(Stop::Backfill).await;
    let evidence = host.concluded.last().unwrap();
    assert_eq!((evidence.rows, evidence.stale), (100, 0));
    assert!(evidence.chunks >= 100 / 7);
    assert_right(&fixture).await;
    host.advance_to(Stop::Verify).await;
    let proof = host.concluded.last().unwrap();
    assert_eq!((proof.rows, proof.stale), (100, 0));
    assert!(proof.digest.is_some());
}

pub async fn an_empty_table_is_no_trouble<F: Fixture>() {
    let fixture = F::new(0).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Retire).await;
    host.undo_to(Stop::Snapshot).await;
    assert!(fixture.rows().await.is_empty());
}

pub async fn a_stale_cursor_writes_nothing_and_learns_the_truth<F: Fixture>() {
    let (fixture, mut host, job) = before_backfill::<F>(20).await;
    split(&mut host, &job, 1).await;
    let (rows, after) = work(&mut host, &job, None, 5).await;
    assert_eq!(rows, 5);
    let before = fixture.content().await;
    let truth = RangeAt {
        range: 0,
        after: after.clone(),
        closed: false,
        rows: 5,
        chunks: 1,
    };
    let stale = chunk(&mut host, &job, None, 5).await;
    assert_eq!(stale, Reply::Range(truth.clone()));
    assert_eq!(fixture.content().await, before);
    let read = host
        .ask(Op::ReadRange {
            job: job.clone(),
            range: 0,
        })
        .await;
    assert_eq!(read, Reply::Range(truth));
    assert_eq!(work(&mut host, &job, after, 5).await.0, 5);
}

pub async fn an_exhausted_range_is_closed_only_if_nothing_is_left<F: Fixture>() {
    let (fixture, mut host, job) = before_backfill::<F>(10).await;
    split(&mut host, &job, 1).await;
    fixture.write(Write::Delete { key: 100 }).await.unwrap();
    let (rows, after) = work(&mut host, &job, None, 50).await;
    assert_eq!(rows, 9);
    let (rows, same) = work(&mut host, &job, after.clone(), 50).await;
    assert_eq!((rows, &same), (0, &after));
    let old = "in the gap".to_owned();
    fixture.write(Write::Insert { key: 95, old }).await.unwrap();
    assert!(!close(&mut host, &job).await, "row 95 is left");
    let (rows, _) = work(&mut host, &job, after, 50).await;
    assert_eq!(rows, 1);
    assert!(close(&mut host, &job).await);
    assert!(close(&mut host, &job).await, "closing twice is one act");
    host.advance_to(Stop::Backfill).await;
    assert_eq!(host.concluded.last().unwrap().rows, 10);
}

pub async fn keys_that_move_across_the_cursor_end_right<F: Fixture>() {
    let (fixture, mut host, job) = before_backfill::<F>(10).await;
    split(&mut host, &job, 1).await;
    work(&mut host, &job, None, 5).await;
    for (from, to) in [(80, 15), (20, 85)] {
        fixture.write(Write::Move { from, to }).await.unwrap();
    }
    host.advance_to(Stop::Verify).await;
    assert_right(&fixture).await;
    assert_eq!(fixture.rows().await.len(), 10);
}

pub async fn writes_during_the_backfill_end_right<F: Fixture>() {
    let (fixture, mut host, job) = before_backfill::<F>(10).await;
    split(&mut host, &job, 1).await;
    work(&mut host, &job, None, 5).await;
    for (key, old) in [(10, "behind"), (90, "ahead")] {
        let old = old.to_owned();
        fixture.write(Write::Update { key, old }).await.unwrap();
    }
    for (key, old) in [(11, "born behind"), (91, "born ahead"), (500, "beyond")] {
        let old = old.to_owned();
        fixture.write(Write::Insert { key, old }).await.unwrap();
    }
    for key in [30, 70] {
        fixture.write(Write::Delete { key }).await.unwrap();
    }
    host.advance_to(Stop::Verify).await;
    assert_right(&fixture).await;
    let rows = fixture.rows().await;
    assert_eq!(rows.len(), 11);
    let new = |key| rows.iter().find(|r| r.key == key).unwrap().new.clone();
    assert_eq!(new(10), Some(up("behind")));
    assert_eq!(new(500), Some(up("beyond")));
}

/// Verify must fail with `wrong` rows; put right, a retry must pass.
async fn verify_finds<F: Fixture>(lies: &[(i64, &str)]) {
    let fixture = F::new(20).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Backfill).await;
    let honest = fixture.rows().await;
    for (key, new) in lies {
        fixture.tamper(*key, new).await;
    }
    match host.run(Job::Advance(Stop::Verify)).await {
        Some(Report::Failed { fault }) => {
            assert_eq!(fault.code, code::ROWS_WRONG, "{fault}");
            assert!(fault.what.starts_with(&lies.len().to_string()), "{fault}");
        }
        other => panic!("verify was blind: {other:?}"),
    }
    for (key, _) in lies {
        let row = honest.iter().find(|r| r.key == *key).unwrap();
        fixture.tamper(*key, row.new.as_deref().unwrap()).await;
    }
    host.advance_to(Stop::Verify).await;
}

pub async fn verify_finds_one_wrong_row<F: Fixture>() {
    verify_finds::<F>(&[(130, "n:v131")]).await;
}

pub async fn verify_finds_two_swapped_values<F: Fixture>() {
    verify_finds::<F>(&[(40, "n:v160"), (160, "n:v40")]).await;
}

pub async fn verify_finds_the_same_delta_in_all_rows<F: Fixture>() {
    let lies: Vec<(i64, String)> = (1..=20)
        .map(|n| (n * 10, format!("n:v{}!", n * 10)))
        .collect();
    let lies: Vec<(i64, &str)> = lies.iter().map(|(k, v)| (*k, v.as_str())).collect();
    verify_finds::<F>(&lies).await;
}

pub async fn conclude_refuses_a_gap<F: Fixture>() {
    let (fixture, mut host, job) = before_backfill::<F>(40).await;
    host.advance_to(Stop::Backfill).await;
    let whole = host.ask(Op::Conclude(job.clone())).await;
    assert!(matches!(whole, Reply::Concluded(_)), "{whole:?}");
    fixture.lose_log_entry(&job.id).await;
    match host.ask(Op::Conclude(job)).await {
        Reply::Error(error) => {
            assert_eq!(error.kind, ErrorKind::Refused, "{error:?}");
            assert_eq!(error.code, code::GAP, "{error:?}");
        }
        other => panic!("a gap was taken for full coverage: {other:?}"),
    }
}

pub async fn nothing_is_finished_while_dual_write_is_broken<F: Fixture>() {
    let fixture = F::new(30).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Verify).await;
    let fill = job_of(&host, Stop::Backfill);
    let mut ops = vec![Op::Conclude(fill), Op::EndStop(Stop::Verify)];
    for stop in [Stop::Shift(10), Stop::Retire] {
        // A switch forward would cover up that the triggers were away.
        let steps = host.shard.plan().plan.stops[&stop].run.clone();
        ops.extend(steps.into_iter().filter_map(|step| match step {
            Step::Act { id, .. } => Some(Op::Apply(id)),
            _ => None,
        }));
    }
    fixture.break_dual_write().await;
    let before = fixture.content().await;
    for op in ops {
        let shown = format!("{op:?}");
        match host.ask(op).await {
            Reply::Error(error) => {
                assert_eq!(error.kind, ErrorKind::Unknown, "{shown}: {error:?}");
                assert_eq!(error.code, code::DUAL_WRITE_BROKEN, "{shown}: {error:?}");
            }
            other => panic!("{shown} went through without dual write: {other:?}"),
        }
        assert_eq!(fixture.content().await, before, "{shown}");
        // An unknown outcome costs the connection; attaching tells why.
        assert!(sight(&mut host).await.dual_write_broken.is_some());
    }
}

pub async fn what_is_left_of_dual_write_does_not_block_what_comes_before_it<F: Fixture>() {
    let fixture = F::new(10).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Backfill).await;
    fixture.break_dual_write().await;
    for stop in [Stop::Snapshot, Stop::Expand] {
        let ended = host.ask(Op::EndStop(stop)).await;
        assert!(matches!(ended, Reply::Done { .. }), "{stop}: {ended:?}");
    }
}

pub async fn a_switch_back_over_a_touched_trigger_voids_the_proof<F: Fixture>() {
    let fixture = F::new(10).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Retire).await;
    let generation = sight(&mut host).await.generation;
    fixture.break_dual_write().await;
    host.undo_to(Stop::Verify).await;
    let seen = sight(&mut host).await;
    assert_eq!(seen.dual_write_broken, None);
    assert_eq!(seen.generation, generation + 1);
    let fill = job_of(&host, Stop::Backfill);
    assert!(split(&mut host, &fill, 2).await.iter().all(|r| r.rows == 0));
}

pub async fn mending_does_not_hide_what_is_published<F: Fixture>() {
    let fixture = F::new(10).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Verify).await;
    let shift = Stop::Shift(10);
    let steps = host.shard.plan().plan.stops[&shift].run.clone();
    let Some(Step::Act { id, .. }) = steps.first() else {
        // This kind publishes nothing.
        return;
    };
    for op in [Op::begin(shift), Op::Apply(id.clone())] {
        let done = host.ask(op).await;
        assert!(matches!(done, Reply::Done { .. }), "{done:?}");
    }
    fixture.break_dual_write().await;
    host.ask(Op::MendDualWrite).await;
    assert_eq!(sight(&mut host).await.ended, Some(Stop::Verify));
    let undone = host.run(Job::Undo(shift)).await;
    assert_eq!(
        undone,
        Some(Report::Undone {
            stop: shift,
            restored: None
        })
    );
}

pub async fn broken_dual_write_voids_the_proof_and_is_mended<F: Fixture>() {
    let fixture = F::new(30).await;
    let mut host = host(&fixture);
    host.advance_to(Stop::Backfill).await;
    let generation = sight(&mut host).await.generation;
    let fill = job_of(&host, Stop::Backfill);
    fixture.break_dual_write().await;
    assert!(sight(&mut host).await.dual_write_broken.is_some());
    let (key, old) = (50, "written in the dark".to_owned());
    fixture.write(Write::Update { key, old }).await.unwrap();
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
    let seen = sight(&mut host).await;
    assert_eq!(seen.dual_write_broken, None);
    assert_eq!(seen.generation, generation + 1);
    match chunk(&mut host, &fill, None, 5).await {
        // The lead looks again from the start.
        Reply::Error(CallError {
            kind: ErrorKind::Fenced { epoch: 0 },
            code,
            ..
        }) => assert_eq!(code, code::RANGE_GONE),
        other => panic!("a void range went on: {other:?}"),
    }
    assert!(split(&mut host, &fill, 2).await.iter().all(|r| r.rows == 0));
    host.advance_to(Stop::Verify).await;
    assert_right(&fixture).await;
}

/// An engine mends and ends before it can tell: whoever comes next must find
/// out by the generation, for the trigger is as it should be again.
pub async fn a_mend_that_nobody_told_is_noticed<F: Fixture>() {
    for (last, next) in [
        (Stop::DualWrite, Stop::Backfill),
        (Stop::Verify, Stop::Shift(10)),
        (Stop::Shift(10), Stop::Shift(100)),
        (Stop::Shift(100), Stop::Retire),
    ] {
        let fixture = F::new(12).await;
        let mut host = host(&fixture);
        host.advance_to(last).await;
        let generation = sight(&mut host).await.generation;
        assert_eq!(host.generation, generation, "{last}");
        fixture.break_dual_write().await;
        let mended = host.ask(Op::MendDualWrite).await;
        let bumped = generation + 1;
        assert_eq!(mended, Reply::Done { generation: bumped }, "{last}");
        assert_eq!(sight(&mut host).await.dual_write_broken, None);
        let report = host.run(Job::Advance(next)).await;
        match report {
            Some(Report::Regressed {
                found: Stop::DualWrite,
                ..
            }) if next < Stop::Shift(1) => {}
            Some(Report::Failed { fault }) if next >= Stop::Shift(1) => {
                assert_eq!(fault.code, "PH010", "{next}");
            }
            other => panic!("{next} went on after a mend: {other:?}"),
        }
        let told = |r: &Report| matches!(r, Report::GenerationBumped { generation, .. } if *generation == bumped);
        assert_eq!(host.reports.iter().filter(|r| told(r)).count(), 1, "{next}");
        // Told once: the second look finds nothing new.
        host.run(Job::Advance(next)).await;
        assert_eq!(host.reports.iter().filter(|r| told(r)).count(), 1, "{next}");
    }
}
