//! The fleet screen: what it shows, and that nothing happens by accident.

use crate::scene::{
    Scene, finished, healthy, letter, options, press, ready, ring, screen, shard, show, troubled,
};
use pilothouse::base::{Period, Timestamp};
use pilothouse::cockpit::action::{ACTIONS, Action};
use pilothouse::cockpit::dialog::Field;
use pilothouse::cockpit::{
    Effect, FleetRow, GlyphSet, Layer, Level, Link, Model, Msg, Palette, Pane, update,
};
use pilothouse::rollout::{Event, Scope};
use pilothouse::wire::{Answer, CommandEnvelope, ServerMessage, Verb};
use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Longer than type-ahead is dropped.
const AFTER: Period = Period::from_ms(300);

fn keys(model: &mut Model, text: &str) -> Vec<Effect> {
    let at = model.now;
    text.chars()
        .flat_map(|c| update(model, Msg::Key(letter(c), at)))
        .collect()
}

fn tap(model: &mut Model, code: KeyCode) -> Vec<Effect> {
    let at = model.now;
    update(model, Msg::Key(press(code), at))
}

fn key_later(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let at = model.now.after(AFTER);
    update(model, Msg::Key(key, at))
}

fn sent(effects: &[Effect]) -> Vec<&CommandEnvelope> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(approved) => Some(approved.get()),
            _ => None,
        })
        .collect()
}

fn on_ring(model: &mut Model, name: &str) {
    model.pane = Pane::Rings;
    model.ring = FleetRow::Ring(ring(name));
}

fn question(model: &Model) -> &pilothouse::cockpit::dialog::Dialog {
    match &model.layer {
        Some(Layer::Dialog(dialog)) => dialog,
        other => panic!("no question on the screen: {other:?}, {:?}", model.status),
    }
}

#[test]
fn screens_of_a_healthy_a_troubled_and_a_finished_rollout() {
    let scenes = [
        ("healthy", healthy()),
        ("troubled", troubled()),
        ("finished", finished()),
    ];
    for (name, scene) in scenes {
        for (wide, high) in [(80, 24), (120, 40)] {
            let text = screen(&scene.model(), wide, high);
            insta::assert_snapshot!(format!("{name}_{wide}x{high}"), text);
        }
    }
}

#[test]
fn screens_of_promote_help_menu_and_detail() {
    for (wide, high) in [(80, 24), (120, 40)] {
        let mut model = ready().model();
        on_ring(&mut model, "canary");
        keys(&mut model, "P");
        insta::assert_snapshot!(format!("promote_{wide}x{high}"), screen(&model, wide, high));
        let mut model = healthy().model();
        keys(&mut model, "?");
        insta::assert_snapshot!(format!("help_{wide}x{high}"), screen(&model, wide, high));
        let mut model = healthy().model();
        keys(&mut model, "x");
        insta::assert_snapshot!(format!("menu_{wide}x{high}"), screen(&model, wide, high));
        let mut model = troubled().model();
        model.shard = Some(shard("eu-06"));
        tap(&mut model, KeyCode::Enter);
        insta::assert_snapshot!(format!("detail_{wide}x{high}"), screen(&model, wide, high));
    }
}

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
    assert_eq!(question(&model).demanded.as_deref(), Some("r-0042"));
    update(&mut model, Msg::Paste("r-0042".into()));
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
    for c in "r-0042".chars() {
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
fn an_answer_is_told_once_and_a_lost_one_is_asked_for_again() {
    let mut model = healthy().model();
    keys(&mut model, "xp");
    let first = key_later(&mut model, letter('y'));
    let key = sent(&first)[0].key.clone();
    let later = model.now.after(Period::from_ms(2_500));
    assert_eq!(
        update(&mut model, Msg::Tick(later)),
        first,
        "the same act, the same key"
    );
    let answer = |answer| {
        Msg::Server(
            Box::new(ServerMessage::Answer {
                key: key.clone(),
                answer,
            }),
            later,
        )
    };
    update(
        &mut model,
        answer(Answer::Refused {
            code: "held".into(),
            text: "held by ana".into(),
        }),
    );
    let status = model.status.clone().unwrap();
    assert_eq!(status.level, Level::Bad);
    assert!(status.text.contains("refused: held by ana"));
    update(&mut model, answer(Answer::Repeated));
    assert_eq!(model.status, Some(status));
}

#[test]
fn silence_is_stale_and_nothing_can_be_sent() {
    let scene = healthy();
    let mut model = scene.model();
    keys(&mut model, "xp");
    let stale = model.now.after(Period::from_ms(4_000));
    update(&mut model, Msg::Tick(stale));
    assert_eq!(model.link(), Link::Stale(4));
    assert_eq!(
        update(&mut model, Msg::Key(letter('y'), stale.after(AFTER))),
        []
    );
    assert!(screen(&model, 80, 24).contains("STALE 4 s"));
    model.layer = None;
    for item in ACTIONS.iter().filter(|item| item.mutates()) {
        let reason = item.action.disabled_reason(&model);
        assert_eq!(reason.as_deref(), Some("the engine was last heard 4 s ago"));
    }
    // Resends wait too.
    assert_eq!(
        update(&mut model, Msg::Tick(stale.after(Period::from_ms(9_000)))),
        []
    );
}

#[test]
fn a_frozen_view_stands_still_and_does_not_act() {
    let scene = healthy();
    let mut model = scene.model();
    keys(&mut model, "z");
    show(&mut model, 2, &troubled());
    assert_eq!(model.view(), Some(&scene.view()));
    keys(&mut model, "xp");
    assert!(model.status.as_ref().unwrap().text.contains("frozen"));
    keys(&mut model, "z");
    assert_eq!(model.view(), Some(&troubled().view()));
}

#[test]
fn the_focus_follows_its_shard() {
    let mut scene = healthy();
    let mut model = scene.model();
    model.shard = Some(shard("us-03"));
    keys(&mut model, "/us");
    tap(&mut model, KeyCode::Enter);
    assert_eq!(model.shard_row(), Some(2));
    keys(&mut model, "/");
    for _ in 0..2 {
        tap(&mut model, KeyCode::Backspace);
    }
    tap(&mut model, KeyCode::Enter);
    assert_eq!(model.shard_row(), Some(6));
    assert_eq!(model.focused_shard().unwrap().name, shard("us-03"));
    // Rows move under it.
    let mut view = scene.view();
    view.shards.reverse();
    scene.later(1);
    let snapshot = pilothouse::wire::Stream::Snapshot {
        seq: 9,
        at: scene.now,
        view: Box::new(view),
    };
    update(
        &mut model,
        Msg::Server(Box::new(ServerMessage::Stream(snapshot)), scene.now),
    );
    assert_eq!(model.focused_shard().unwrap().name, shard("us-03"));
    assert_eq!(model.shard_row(), Some(5));
}

#[test]
fn every_action_is_in_help_and_every_key_is_used_once() {
    let mut model = healthy().model();
    keys(&mut model, "?");
    // At 80 columns no sentence is cut.
    let text = screen(&model, 80, 60);
    for item in ACTIONS {
        assert!(text.contains(item.doc), "help does not tell: {}", item.name);
        assert_eq!(item.action.item().name, item.name);
        assert!(item.mutates() == item.menu.is_some());
        for key in item.keys {
            assert_eq!(
                Action::of_key(*key),
                Some(item.action),
                "{key} is used twice"
            );
        }
    }
}

#[test]
fn help_scrolls_to_its_end_at_80_by_24() {
    let mut model = healthy().model();
    keys(&mut model, "?");
    assert!(!screen(&model, 80, 24).contains("quit now"));
    keys(&mut model, &"j".repeat(40));
    assert!(screen(&model, 80, 24).contains("quit now"));
}

#[test]
fn ascii_and_no_colour_lose_no_word() {
    let mut model = troubled().model();
    model.options.glyphs = GlyphSet::Ascii;
    model.options.palette = Palette::Plain;
    let text = screen(&model, 120, 40);
    assert!(text.is_ascii(), "{text}");
    for word in [
        "paused by lee",
        "held by ana",
        "1 failed",
        "failed 55P03",
        "replica lag 6.1 s over 5 s",
    ] {
        assert!(text.contains(word), "{word} is not on\n{text}");
    }
}

#[test]
fn foreign_text_cannot_drive_the_terminal() {
    let mut model = troubled().model();
    model.shard = Some(shard("eu-06"));
    tap(&mut model, KeyCode::Enter);
    let text = screen(&model, 120, 40);
    assert!(text.contains("\\u{1b}[31mcustomers"));
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_typed_command_is_asked_about_like_a_key() {
    let mut model = healthy().model();
    keys(&mut model, ":throttle down early");
    tap(&mut model, KeyCode::Enter);
    assert!(
        question(&model).title.contains("27.4 k rows/s"),
        "{}",
        question(&model).title
    );
    let mut model = healthy().model();
    keys(&mut model, ":promote nobody");
    tap(&mut model, KeyCode::Enter);
    assert!(
        model
            .status
            .unwrap()
            .text
            .contains("there is no ring or shard nobody")
    );
}

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let codes = prop_oneof![
        6 => prop::sample::select("jkgGPHRBAxzq/:?pryYnNl+- 0r42e".chars().collect::<Vec<_>>()).prop_map(KeyCode::Char),
        3 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down,
            KeyCode::Left, KeyCode::Right, KeyCode::Backspace, KeyCode::Home, KeyCode::End,
            KeyCode::PageUp, KeyCode::PageDown, KeyCode::F(5),
        ]),
        1 => any::<char>().prop_map(KeyCode::Char),
    ];
    (codes, prop::bool::weighted(0.05)).prop_map(|(code, ctrl)| {
        let held = if ctrl {
            KeyModifiers::CONTROL
        } else {
            KeyModifiers::NONE
        };
        KeyEvent::new(code, held)
    })
}

fn any_scene() -> impl Strategy<Value = Scene> {
    prop::sample::select(vec![0, 1, 2, 3, 4]).prop_map(|n| match n {
        0 => Scene::opened(),
        1 => ready(),
        2 => healthy(),
        3 => troubled(),
        _ => finished(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_panics_at_any_size(
        scene in any_scene(),
        keys in prop::collection::vec((any_key(), 0..600u64), 0..24),
        wide in 1..200u16,
        high in 1..60u16,
    ) {
        let mut model = scene.model();
        for (key, wait) in keys {
            let at = Timestamp(model.now.0 + wait);
            update(&mut model, Msg::Key(key, at));
            screen(&model, wide, high);
        }
        screen(&Model::new(options(), scene.now), wide, high);
    }

    #[test]
    fn an_act_leaves_only_through_a_question_that_was_on_the_screen(
        scene in any_scene(),
        keys in prop::collection::vec((any_key(), 0..600u64), 0..60),
    ) {
        let mut model = scene.model();
        for (key, wait) in keys {
            let at = Timestamp(model.now.0 + wait);
            let before = model.layer.clone();
            let effects = update(&mut model, Msg::Key(key, at));
            if sent(&effects).is_empty() {
                continue;
            }
            let Some(Layer::Dialog(dialog)) = before else {
                panic!("{key:?} sent {effects:?} without a question");
            };
            prop_assert!(dialog.blocked().is_none());
            let own = dialog.action.item().keys.iter().any(|k| Some(*k) == pilothouse::cockpit::keymap::Key::of(&key));
            let yes = matches!(key.code, KeyCode::Char('y' | 'Y')) || own
                || (key.code == KeyCode::Enter && dialog.focus == Field::Confirm);
            prop_assert!(yes, "{:?} confirmed {:?}", key, dialog.action);
            prop_assert!(wait >= 250 || at >= scene.now.after(Period::from_ms(250)));
        }
    }

    #[test]
    fn a_stale_cockpit_never_sends(
        scene in any_scene(),
        keys in prop::collection::vec(any_key(), 0..60),
    ) {
        let mut model = scene.model();
        let stale = model.now.after(Period::from_ms(3_000));
        update(&mut model, Msg::Tick(stale));
        for (place, key) in keys.into_iter().enumerate() {
            let at = stale.after(Period::from_ms(place as u64 * 400));
            let effects = update(&mut model, Msg::Key(key, at));
            prop_assert!(sent(&effects).is_empty());
            let effects = update(&mut model, Msg::Tick(at));
            prop_assert!(effects.is_empty());
        }
    }
}
