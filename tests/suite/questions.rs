//! Questions: nothing dangerous happens by accident.

use crate::hands::{key_later, keys, on_ring, question, sent};
use crate::scene::{
    Step, Steps, healthy, letter, opened, press, ready, ring, shard, show, troubled,
};
use crate::sights::watched;
use pilothouse::base::{Period, Stop};
use pilothouse::cockpit::dialog::Field;
use pilothouse::cockpit::{Layer, Model, Msg, update};
use pilothouse::rollout::{Event, Evidence, Scope};
use pilothouse::wire::{Blocker, Verb};
use ratatui::crossterm::event::KeyCode;

#[test]
fn promote_asks_first_and_the_default_is_no() {
    let mut model = ready().model();
    on_ring(&mut model, "canary");
    assert_eq!(keys(&mut model, "P"), []);
    assert_eq!(question(&model).focus, Field::Cancel);
    assert_eq!(key_later(&mut model, press(KeyCode::Enter)), []);
    assert_eq!(model.layer, None);
    assert!(
        model
            .status
            .as_ref()
            .unwrap()
            .text
            .contains("nothing was sent")
    );
}

#[test]
fn promote_confirmed_carries_what_was_seen() {
    let scene = ready();
    let mut model = scene.model();
    on_ring(&mut model, "canary");
    keys(&mut model, "P");
    let effects = key_later(&mut model, letter('P'));
    let acts = sent(&effects);
    assert_eq!(acts.len(), 1);
    assert_eq!(
        (&acts[0].verb, &acts[0].scope),
        (&Verb::Promote, &Scope::Ring(ring("canary")))
    );
    let seen = scene.state.rollout.unwrap().rings[&ring("canary")].version;
    assert_eq!(acts[0].seen, Some(seen));
    assert_eq!(model.pending.len(), 1);
}

#[test]
fn keys_typed_before_the_question_was_seen_are_dropped() {
    let mut model = ready().model();
    on_ring(&mut model, "canary");
    assert_eq!(keys(&mut model, "PPPyyP"), []);
    assert!(matches!(model.layer, Some(Layer::Dialog(_))));
    let mut model = healthy().model();
    assert_eq!(keys(&mut model, "xpyyy"), [], "tier 1 drops them too");
    assert_eq!(sent(&key_later(&mut model, letter('y'))).len(), 1);
}

#[test]
fn a_question_about_something_that_changed_cannot_be_confirmed() {
    let mut scene = ready();
    let mut model = scene.model();
    on_ring(&mut model, "canary");
    keys(&mut model, "P");
    scene.by("ana", Scope::Ring(ring("canary")), Event::Held, "wait");
    show(&mut model, 2, &scene);
    assert!(question(&model).changed.is_some());
    assert_eq!(key_later(&mut model, letter('P')), []);
    // A pause is never out of date.
    let mut model = healthy().model();
    keys(&mut model, "xp");
    show(&mut model, 2, &troubled());
    assert_eq!(sent(&key_later(&mut model, letter('y'))).len(), 1);
}

#[test]
fn abort_needs_the_typed_id_and_refuses_paste() {
    let mut model = healthy().model();
    keys(&mut model, "xA");
    assert_eq!(
        question(&model).demanded.as_deref(),
        Some("customers-email-v2")
    );
    update(&mut model, Msg::Paste("customers-email-v2".into()));
    assert_eq!(question(&model).typed, "");
    let confirm = |model: &mut Model| {
        for code in [KeyCode::Tab, KeyCode::Tab, KeyCode::Tab] {
            key_later(model, press(code));
        }
        assert_eq!(question(model).focus, Field::Confirm);
        key_later(model, press(KeyCode::Enter))
    };
    assert_eq!(confirm(&mut model), [], "nothing was typed");
    key_later(&mut model, press(KeyCode::Tab));
    for c in "customers-email-v2".chars() {
        key_later(&mut model, letter(c));
    }
    let effects = confirm(&mut model);
    assert_eq!(sent(&effects)[0].verb, Verb::Abort);
}

#[test]
fn roll_back_proposes_the_nearest_stop() {
    let mut model = troubled().model();
    model.shard = Some(shard("eu-06"));
    keys(&mut model, "B");
    let dialog = question(&model);
    assert_eq!(dialog.stops[dialog.stop].to_string(), "dual_write");
    assert_eq!(dialog.stops[0].to_string(), "snapshot");
}

#[test]
fn marked_shards_are_what_an_act_means() {
    let mut model = healthy().model();
    model.shard = Some(shard("eu-05"));
    keys(&mut model, "  xp");
    assert!(question(&model).title.contains("2 shards"));
    let effects = key_later(&mut model, letter('y'));
    let scopes: Vec<String> = sent(&effects).iter().map(|e| e.scope.to_string()).collect();
    assert_eq!(scopes, ["shard eu-05", "shard eu-06"]);
    let keys: std::collections::BTreeSet<&str> =
        sent(&effects).iter().map(|e| e.key.as_str()).collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn promotion_into_contract_is_typed() {
    let mut scene = opened();
    for name in ["canary", "early", "broad"] {
        scene.walk(name, Stop::Shift(100));
    }
    scene.later(7_200);
    scene.all_read();
    scene.step(Step::Quiet {
        ring: ring("canary"),
        lasting: Period::from_ms(7_200_000),
    });
    let lost = "shift/losses: 17 rows of shop.customers whose email the old form cannot give again";
    let done = Event::StageDone {
        stop: Stop::Shift(100),
        generation: 1,
        evidence: Evidence {
            notes: vec![lost.into()],
            ..Evidence::default()
        },
    };
    scene.by("engine", Scope::Shard(shard("eu-01")), done, "");
    let mut model = scene.model();
    on_ring(&mut model, "canary");
    keys(&mut model, "P");
    let dialog = question(&model);
    let known = dialog.radius.iter().find(|(what, _)| *what == "To know");
    assert_eq!(known.unwrap().1, [format!("eu-01: {lost}")]);
    assert_eq!(dialog.demanded.as_deref(), Some("customers-email-v2"));
    assert_eq!(dialog.focus, Field::Typed);
    assert!(dialog.radius.iter().any(|(what, _)| *what == "Retire"));
    for _ in 0..3 {
        key_later(&mut model, press(KeyCode::Tab));
        assert_eq!(sent(&key_later(&mut model, letter('P'))).len(), 0);
    }
    let mut model = scene.model();
    on_ring(&mut model, "canary");
    keys(&mut model, "P");
    for c in "customers-email-v2".chars() {
        key_later(&mut model, letter(c));
    }
    key_later(&mut model, press(KeyCode::Tab));
    key_later(&mut model, press(KeyCode::Tab));
    let effects = key_later(&mut model, letter('P'));
    let acts = sent(&effects);
    assert_eq!(acts.len(), 1);
    assert_eq!(acts[0].verb, Verb::Promote);
    assert_eq!(acts[0].confirm.as_deref(), Some("customers-email-v2"));
}

#[test]
fn promotion_of_the_fleet_means_the_rings_that_are_ready_and_names_them() {
    let mut scene = opened();
    scene.walk("canary", Stop::Shift(100));
    scene.walk("early", Stop::Verify);
    scene.walk("broad", Stop::Snapshot);
    scene.later(1_000);
    scene.all_read();
    let mut model = scene.model();
    model.pane = pilothouse::cockpit::Pane::Rings;
    keys(&mut model, "P");
    let dialog = question(&model);
    // Canary would be next in contract, but its gates are closed.
    assert_eq!(dialog.title, "Promote early to shift:10, broad to expand?");
    assert_eq!(dialog.demanded, None);
    let effects = key_later(&mut model, letter('P'));
    let scopes: Vec<String> = sent(&effects).iter().map(|e| e.scope.to_string()).collect();
    assert_eq!(scopes, ["ring early", "ring broad"]);
    // Nobody is ready: nothing is asked, and the reason is told.
    let mut model = opened().model();
    model.pane = pilothouse::cockpit::Pane::Rings;
    keys(&mut model, "P");
    assert_eq!(model.layer, None);
    assert!(model.status.unwrap().text.contains("no ring is ready"));
}

/// The head of the queue is what the question is about: it waits for nobody.
#[test]
fn ending_a_session_names_it_and_demands_a_reason() {
    let scene = troubled();
    let mut model = scene.model();
    model.shard = Some(shard("eu-05"));
    keys(&mut model, "xe");
    assert!(
        model
            .status
            .as_ref()
            .unwrap()
            .text
            .contains("2 shows who waits")
    );
    let mut model = watched(&scene);
    keys(&mut model, "2xe");
    let dialog = question(&model);
    assert_eq!(dialog.title, "End session 4711 on shard eu-05?");
    let shown = format!("{:?}", dialog.radius);
    for part in [
        "batch nightly",
        "FOR UPDATE",
        "shop web for 2.1 s",
        "rolled back",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let confirm = |model: &mut Model| {
        key_later(model, press(KeyCode::Tab));
        key_later(model, press(KeyCode::Enter))
    };
    assert_eq!(confirm(&mut model), [], "no reason yet");
    key_later(&mut model, press(KeyCode::Tab));
    assert_eq!(question(&model).focus, Field::Reason);
    for c in "forgotten".chars() {
        key_later(&mut model, letter(c));
    }
    key_later(&mut model, press(KeyCode::Tab));
    let effects = confirm(&mut model);
    let acts = sent(&effects);
    let blocker = Blocker {
        pid: 4_711,
        began_us: 1_789_999_690_000_000,
    };
    assert_eq!(acts[0].verb, Verb::EndBlocker(blocker));
    assert_eq!(acts[0].scope, Scope::Shard(shard("eu-05")));
    assert_eq!(acts[0].reason, "forgotten");
}
