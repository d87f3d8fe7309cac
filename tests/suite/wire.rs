//! Views and their differences.

use crate::scene::{Steps, finished, healthy, opened, ready, shard, troubled};
use pilothouse::cli::status;
use pilothouse::rollout::{Event, Scope};
use pilothouse::wire::{Eta, FleetView, Progress, Sign, diff, fold};
use proptest::prelude::*;

fn views() -> Vec<FleetView> {
    let mut empty = opened().view();
    empty.rings.clear();
    vec![
        FleetView::default(),
        empty,
        opened().view(),
        ready().view(),
        healthy().view(),
        troubled().view(),
        finished().view(),
    ]
}

/// Known views, cut, shuffled and mixed.
fn any_view() -> impl Strategy<Value = FleetView> {
    let all = views();
    let pick = 0..all.len();
    (pick.clone(), pick, 0..15usize, 0..15usize, any::<bool>()).prop_map(
        move |(a, b, cut, turn, reverse)| {
            let mut view = all[a].clone();
            view.totals = all[b].totals.clone();
            view.shards.truncate(cut);
            if !view.shards.is_empty() {
                let by = turn % view.shards.len();
                view.shards.rotate_left(by);
            }
            if reverse {
                view.rings.reverse();
                view.needs_you.clear();
            }
            let from = turn.min(view.events.len());
            view.events.drain(..from);
            view
        },
    )
}

proptest! {
    #[test]
    fn a_folded_difference_gives_the_new_view(old in any_view(), new in any_view()) {
        let delta = diff(&old, &new);
        prop_assert_eq!(delta.is_empty(), old == new);
        let bytes = serde_json::to_vec(&delta).unwrap();
        let mut folded = old;
        fold(&mut folded, serde_json::from_slice(&bytes).unwrap()).unwrap();
        prop_assert_eq!(folded, new);
    }
}

#[test]
fn a_difference_carries_only_what_changed() {
    let scene = healthy();
    let mut later = scene.clone();
    later.measure("eu-07", 950_000, 4_200_000);
    let delta = diff(&scene.view(), &later.view());
    let names: Vec<&str> = delta.shards.iter().map(|(_, s)| s.name.as_str()).collect();
    assert_eq!(names, ["eu-07"]);
    assert_eq!(delta.shard_order, None);
    assert_eq!(delta.events, None);
    assert_eq!(delta.header, None);
}

#[test]
fn a_healthy_rollout_says_what_happens_next_by_itself() {
    let view = healthy().view();
    let of = |place: usize| &view.rings[place].standing;
    // Canary soaks at 10 %, and says until when.
    assert_eq!(of(0).sign, Sign::Held);
    assert_eq!(of(0).word, "held: soak");
    assert!(of(0).at.is_some());
    assert!(
        of(0).next.starts_with("shift:50 by itself at"),
        "{}",
        of(0).next
    );
    assert_eq!(of(1).sign, Sign::Running);
    // Broad may follow when early has finished verify: no moment is known.
    assert_eq!(of(2).sign, Sign::Held);
    assert_eq!(of(2).at, None);
    assert!(
        of(2).cause.contains("early has not finished verify"),
        "{}",
        of(2).cause
    );
    assert_eq!(view.needs_you, []);
    assert!(
        matches!(
            view.totals.eta,
            Eta::Range {
                from_s: 64,
                to_s: 107
            }
        ),
        "{:?}",
        view.totals.eta
    );
    let eu_05 = view
        .shards
        .iter()
        .find(|s| s.name == shard("eu-05"))
        .unwrap();
    assert_eq!(eu_05.progress, Progress::Percent(74));
}

#[test]
fn trouble_names_who_why_since_when_and_what_clears_it() {
    let view = troubled().view();
    let canary = &view.rings[0].standing;
    assert_eq!(
        (canary.sign, canary.by.as_deref()),
        (Sign::Held, Some("ana"))
    );
    assert_eq!(canary.cause, "support sees odd mails");
    assert_eq!(canary.clears, "release ring canary");
    let early = &view.rings[1].standing;
    assert_eq!(
        (early.sign, early.cause.as_str()),
        (Sign::Failed, "eu-06 failed")
    );
    let broad = &view.rings[2].standing;
    assert_eq!(
        (broad.sign, broad.by.as_deref()),
        (Sign::Paused, Some("lee"))
    );
    let eu_05 = view
        .shards
        .iter()
        .find(|s| s.name == shard("eu-05"))
        .unwrap();
    assert_eq!(eu_05.standing.sign, Sign::Throttled);
    assert_eq!(
        eu_05.standing.cause,
        "replica lag 6.1 s over 5 s on eu-05-r2"
    );
    let needs: Vec<(Sign, String)> = view
        .needs_you
        .iter()
        .map(|n| (n.sign, n.scope.to_string()))
        .collect();
    assert_eq!(
        needs,
        [
            (Sign::Failed, "shard eu-06".into()),
            (Sign::Throttled, "shard eu-05".into()),
        ]
    );
}

#[test]
fn a_ring_that_waits_for_a_person_says_so() {
    // Ring order does not bind the first ring; every gate has passed.
    let view = ready().view();
    let canary = &view.rings[0].standing;
    assert_eq!(canary.sign, Sign::NeedsHuman);
    assert_eq!(canary.word, "promote to shift:10");
    assert_eq!(canary.next, "nothing by itself");
    assert_eq!(view.needs_you.len(), 1);
}

#[test]
fn an_unreachable_shard_is_unknown_not_fine() {
    let mut scene = healthy();
    scene
        .observations
        .shard_mut(&shard("eu-07"))
        .unreachable_since = Some(scene.now);
    let view = scene.view();
    let eu_07 = view
        .shards
        .iter()
        .find(|s| s.name == shard("eu-07"))
        .unwrap();
    assert_eq!(eu_07.standing.sign, Sign::Unknown);
    assert!(view.needs_you.iter().any(|n| n.what == "unreachable"));
}

#[test]
fn a_failed_budget_pause_needs_a_person() {
    let mut scene = troubled();
    let mut pause = scene.facts.last().unwrap().1.clone();
    pause.scope = Scope::Fleet;
    pause.event = Event::Paused;
    pause.cause = pilothouse::base::Cause::FailedBudget;
    pause.reason = "3 shards have failed, 2 are allowed".into();
    scene.fact(pause);
    let first = scene.view().needs_you.remove(0);
    assert_eq!((first.sign, first.scope), (Sign::Paused, Scope::Fleet));
}

#[test]
fn status_is_aligned_plain_text_and_cannot_drive_a_terminal() {
    let scene = troubled();
    let text = status::render(&scene.view(), scene.now);
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "{text:?}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_view_survives_json() {
    for view in views() {
        let text = serde_json::to_string(&view).unwrap();
        assert_eq!(serde_json::from_str::<FleetView>(&text).unwrap(), view);
    }
}

#[test]
fn a_shard_that_is_done_does_not_fail_with_another() {
    let mut scene = healthy();
    for name in ["eu-05", "eu-07"] {
        scene.done(name, pilothouse::base::Stop::Backfill);
    }
    scene.fail("eu-06");
    let view = scene.view();
    let sign = |name: &str| {
        let found = view.shards.iter().find(|s| s.name.as_str() == name);
        found.unwrap().standing.sign
    };
    assert_eq!(sign("eu-06"), Sign::Failed);
    assert_eq!((sign("eu-05"), sign("eu-07")), (Sign::Held, Sign::Held));
    let failed: Vec<String> = view
        .needs_you
        .iter()
        .filter(|need| need.sign == Sign::Failed)
        .map(|need| need.scope.to_string())
        .collect();
    assert_eq!(failed, ["shard eu-06"]);
}
