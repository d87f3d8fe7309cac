//! The way back past drop: both counts are seen before anybody can confirm.

use crate::desk::{Desk, roll_back};
use crate::hands::{key_later, keys, on_ring, question, sent};
use crate::scene::{Scene, Step, Steps, letter, press, shard};
use crate::screens::scene;
use pilothouse::base::{Period, Stop};
use pilothouse::cockpit::dialog::Field;
use pilothouse::cockpit::{Effect, FleetRow, Model, Msg, Pane, update};
use pilothouse::rollout::{Refusal, Scope, Verb};
use pilothouse::wire::{Look, ServerMessage, Stream};
use ratatui::crossterm::event::KeyCode;

fn counted(scene: &mut Scene, name: &str, exported: u64, down: u64) {
    scene.step(Step::CountRestore {
        shard: shard(name),
        exported,
        down,
    });
}

/// The engine's newest view reaches the cockpit.
fn hear(model: &mut Model, scene: &Scene) {
    let message = ServerMessage::Stream(Stream::Snapshot {
        seq: model.seq + 1,
        at: scene.now,
        view: Box::new(scene.view()),
    });
    update(model, Msg::Server(Box::new(message), scene.now));
}

fn asked() -> (Scene, Model) {
    let scene = scene("finished");
    let mut model = scene.model();
    model.pane = Pane::Rings;
    model.ring = FleetRow::Fleet;
    let effects = keys(&mut model, "B");
    assert_eq!(effects, [Effect::Look(Look::Restore)], "{:?}", model.status);
    (scene, model)
}

#[test]
fn a_merge_restore_waits_until_every_shard_is_counted() {
    let (mut scene, mut model) = asked();
    let shards: Vec<String> = scene
        .view()
        .shards
        .iter()
        .map(|s| s.name.to_string())
        .collect();
    for name in &shards[1..] {
        counted(&mut scene, name, 1_000_000, 0);
    }
    hear(&mut model, &scene);
    let why = question(&model).blocked().unwrap();
    assert_eq!(why, "what it gives back is being counted on 1 shard");
    counted(&mut scene, &shards[0], 999_998, 2);
    hear(&mut model, &scene);
    let dialog = question(&model);
    assert_eq!(
        dialog.blocked().as_deref(),
        Some("type customers-email-v2 to confirm")
    );
    let lines = &dialog.outlook.as_ref().unwrap().lines;
    assert_eq!(
        lines[0],
        "exported values on 11,999,998 rows, down(new) on 2"
    );
    let second = format!("down(new) on {} 2; counted", shards[0]);
    assert!(lines[1].starts_with(&second), "{lines:?}");
    confirm_and_send(&mut model);
}

fn confirm_and_send(model: &mut Model) {
    while question(model).focus != Field::Typed {
        key_later(model, press(KeyCode::Tab));
    }
    for typed in "customers-email-v2".chars() {
        key_later(model, letter(typed));
    }
    while question(model).focus != Field::Confirm {
        key_later(model, press(KeyCode::Tab));
    }
    let effects = key_later(model, press(KeyCode::Enter));
    let sent = sent(&effects);
    assert_eq!(sent.len(), 1, "{:?}", question(model).blocked());
    assert_eq!(sent[0].confirm.as_deref(), Some("customers-email-v2"));
    assert!(matches!(sent[0].verb, Verb::RollBack { .. }));
}

#[test]
fn a_count_nobody_seems_to_have_heard_is_asked_for_again() {
    let (scene, mut model) = asked();
    let tick = |model: &mut Model, ms: u64| {
        let now = scene.now.after(Period::from_ms(ms));
        let stream = Stream::Heartbeat {
            seq: model.seq,
            at: now,
        };
        update(
            model,
            Msg::Server(Box::new(ServerMessage::Stream(stream)), now),
        );
        update(model, Msg::Tick(now))
    };
    assert_eq!(tick(&mut model, 500), []);
    assert_eq!(tick(&mut model, 2_500), [Effect::Look(Look::Restore)]);
}

#[test]
fn one_ring_can_only_be_restored_to_the_end_of_retire() {
    let mut model = scene("finished").model();
    on_ring(&mut model, "early");
    keys(&mut model, "B");
    assert_eq!(question(&model).stops, [Stop::Retire]);
}

#[test]
fn the_heart_wants_the_rollout_named_for_a_merge_restore() {
    let mut desk = Desk::new();
    desk.bring_to(Stop::Drop);
    let unnamed = desk.ask_typing(None, Scope::Fleet, roll_back(Stop::Retire));
    assert!(
        matches!(unnamed, Err(Refusal::Unconfirmed { .. })),
        "{unnamed:?}"
    );
    desk.ask(Scope::Fleet, roll_back(Stop::Retire)).unwrap();
}
