//! A shard that does not move, with nothing to explain it, is shown to need
//! somebody; one that has a reason is not.

use crate::scene::{Scene, Step, Steps as _, healthy, screen, shard};
use crate::slow_shard::SlowFleet;
use pilothouse::base::{Period, Timestamp};
use pilothouse::cli::status;
use pilothouse::rollout::{Event, Reading, Scope, Verb};
use pilothouse::wire::{FleetView, NeedKind, Sign};
use pilothouse::worker::WaitReason;

/// The shards that have stalled.
fn stalled(view: &FleetView) -> Vec<&str> {
    let stalled = view.shards.iter().filter(|s| s.stalled_since.is_some());
    stalled.map(|s| s.name.as_str()).collect()
}

/// Early backfills, and nothing has moved for ten minutes.
fn still() -> Scene {
    let mut scene = healthy();
    scene.later(600);
    scene
}

#[test]
fn ten_minutes_without_a_move_are_a_stall_and_a_second_less_is_not() {
    let mut scene = healthy();
    let moved = scene.now;
    scene.later(599);
    assert_eq!(stalled(&scene.view()), [""; 0]);
    scene.later(1);
    let view = scene.view();
    assert_eq!(stalled(&view), ["eu-05", "eu-06", "eu-07"]);
    let shard = view
        .shards
        .iter()
        .find(|s| s.name.as_str() == "eu-05")
        .unwrap();
    assert_eq!(
        (shard.standing.word.as_str(), shard.standing.since),
        ("stalled", moved)
    );
    assert_eq!(shard.now, "stalled");
    assert!(shard.standing.clears.contains("pause and resume"));
    assert_eq!(shard.rows_per_s, None, "what stands still has no speed");
    let needs = view
        .needs_you
        .iter()
        .filter(|n| n.kind == NeedKind::Stalled);
    assert!(
        needs
            .clone()
            .all(|n| n.since == moved && !n.clears.is_empty())
    );
    assert_eq!(needs.count(), 3);
    let early = view
        .rings
        .iter()
        .find(|r| r.name.as_str() == "early")
        .unwrap();
    assert_eq!(
        (early.standing.sign, early.standing.word.as_str()),
        (Sign::Unknown, "3 stalled")
    );
    let fleet = &view.header.rollout.as_ref().unwrap().standing;
    assert_eq!(fleet.word, "3 stalled", "it is not all right");
}

#[test]
fn it_stands_on_every_screen_and_does_not_jitter() {
    let mut scene = still();
    let before = scene.view();
    let model = scene.model();
    for (wide, high) in [(80, 24), (120, 40)] {
        let text = screen(&model, wide, high);
        assert!(text.contains("stalled"), "{text}");
        assert!(text.contains("Needs you ("), "{text}");
    }
    let text = status::render(&before, scene.now);
    assert!(
        text.contains("shard eu-05: stalled: backfill runs, but no row"),
        "{text}"
    );
    scene.later(1);
    assert_eq!(scene.view(), before);
}

#[test]
fn whatever_moves_or_has_a_reason_has_not_stalled() {
    type Reason = fn(&mut Scene);
    let wait = |reason: WaitReason| {
        move |scene: &mut Scene| {
            let measured = scene.telemetry.shards.get_mut(&shard("eu-05"));
            measured.unwrap().wait = Some(reason.clone());
        }
    };
    let reasons: [(&str, Reason); 6] = [
        ("rows", |s| s.measure("eu-05", 3_700_001, 5_000_000)),
        ("throttle", |s| s.throttle("eu-05")),
        ("unreachable", |s| {
            s.step(Step::Unreachable {
                shard: shard("eu-05"),
                lasting: Period::from_ms(1),
            });
        }),
        ("pause", |s| {
            s.by("ana", Scope::Shard(shard("eu-05")), Event::Paused, "lunch");
        }),
        ("failure", |s| s.fail("eu-05")),
        ("a statement", |s| {
            let (value, at) = (1, s.now);
            let seen = s.observations.shard_mut(&shard("eu-05"));
            seen.signals
                .insert("own_statements".into(), Reading { value, at });
        }),
    ];
    for (name, reason) in reasons {
        let mut scene = still();
        reason(&mut scene);
        assert_eq!(stalled(&scene.view()), ["eu-06", "eu-07"], "{name}");
    }
    let code = "55P03".to_owned();
    let named = [
        WaitReason::Rate,
        WaitReason::BackOff { code, attempt: 3 },
        WaitReason::Check {
            value: "two rows".into(),
        },
        WaitReason::Clients {
            behind: vec!["web".into()],
        },
    ];
    for reason in named {
        let mut scene = still();
        wait(reason.clone())(&mut scene);
        assert_eq!(stalled(&scene.view()), ["eu-06", "eu-07"], "{reason:?}");
    }
    // A wait whose reason is gone explains nothing, nor does no statement at all.
    let mut scene = still();
    wait(WaitReason::Throttled)(&mut scene);
    let (value, at) = (0, scene.now);
    let seen = scene.observations.shard_mut(&shard("eu-05"));
    seen.signals
        .insert("own_statements".into(), Reading { value, at });
    assert_eq!(stalled(&scene.view()).len(), 3);
    // A stage that has only begun has not stood for long, whatever was measured.
    let mut scene = still();
    let eu_05 = scene.telemetry.shards.get_mut(&shard("eu-05")).unwrap();
    eu_05.moved_at = Timestamp(0);
    assert_eq!(stalled(&scene.view()).len(), 3);
}

#[tokio::test]
async fn an_engine_sees_a_chunk_that_hangs_excuses_a_pause_and_sees_it_go_on() {
    let fleet = SlowFleet::new().await;
    let mut running = fleet.start_patient(Period::from_ms(100)).await;
    for shard in running.shards.values() {
        shard.at_chunk().await;
    }
    running
        .operator
        .until(|view| stalled(view).len() == 2)
        .await;
    running.operator.ask(Verb::Pause).await;
    running
        .operator
        .until(|view| stalled(view).is_empty())
        .await;
    for _ in 0..6 {
        running.operator.rounds(1).await;
        assert_eq!(
            stalled(&running.operator.view),
            [""; 0],
            "a pause is a reason"
        );
    }
    running.operator.ask(Verb::Resume).await;
    running
        .operator
        .until(|view| stalled(view).len() == 2)
        .await;
    for shard in running.shards.values() {
        shard.let_through();
    }
    running
        .operator
        .until(|view| {
            let rollout = view.rings.first().and_then(|r| r.stop);
            stalled(view).is_empty()
                && rollout.is_some_and(|s| s >= pilothouse::base::Stop::Backfill)
        })
        .await;
}
