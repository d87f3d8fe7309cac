//! The fleet screen: what it shows, and that nothing happens by accident.

use crate::hands::{AFTER, key_later, keys, on_ring, question, sent, tap};
use crate::scene::{
    Scene, Steps, finished, healthy, letter, opened, options, ready, screen, shard, show, troubled,
};
use pilothouse::base::{Period, Timestamp};
use pilothouse::cockpit::action::ACTIONS;
use pilothouse::cockpit::dialog::Field;
use pilothouse::cockpit::keymap::Keymap;
use pilothouse::cockpit::theme::Depth;
use pilothouse::cockpit::{GlyphSet, Layer, Level, Link, Model, Msg, update};
use pilothouse::wire::{Answer, ServerMessage};
use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

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
fn what_lies_over_the_screen_stays_while_views_come() {
    for typed in ["?", "x", ":pause ea", "/early", "xp", "xA"] {
        let mut scene = healthy();
        let mut model = scene.model();
        keys(&mut model, typed);
        let before = model.layer.clone();
        assert!(before.is_some(), "{typed}");
        scene.later(1);
        show(&mut model, 2, &scene);
        assert_eq!(model.layer, before, "{typed}");
    }
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
                model.options.keymap.action(*key),
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
    model.options.depth = Depth::Plain;
    model.theme = model.options.themes.load("no-colour", Depth::Plain).theme;
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
        6 => prop::sample::select("jkgGPHRBAxzq/:?pryYnNl+- 0r42e1356su".chars().collect::<Vec<_>>()).prop_map(KeyCode::Char),
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
        0 => opened(),
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
            let own = dialog.keys.iter().any(|k| Some(*k) == pilothouse::cockpit::keymap::Key::of(&key));
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
        // Half of the keys come while it is heard: questions stand open then.
        let mut model = scene.model();
        let (before, keys) = keys.split_at(keys.len() / 2);
        for key in before {
            let at = model.now.after(Period::from_ms(10));
            update(&mut model, Msg::Key(*key, at));
        }
        let stale = model.now.after(Period::from_ms(3_000));
        update(&mut model, Msg::Tick(stale));
        for (place, key) in keys.iter().copied().enumerate() {
            let at = stale.after(Period::from_ms(place as u64 * 400));
            let effects = update(&mut model, Msg::Key(key, at));
            prop_assert!(sent(&effects).is_empty());
            let effects = update(&mut model, Msg::Tick(at));
            prop_assert!(effects.is_empty());
        }
    }
}

#[test]
fn a_persons_own_keys_stand_and_mistakes_do_not() {
    use pilothouse::cockpit::action::Action;
    let read = |text: &str| Keymap::patched(text);
    let (keymap, warnings) =
        read("[keys]\nhold = [\"X\"]\n\"page down\" = [\"Ctrl-f\", \"PgDn\"]\n");
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(keymap.action("X".parse().unwrap()), Some(Action::Hold));
    assert_eq!(keymap.action("H".parse().unwrap()), None);
    assert_eq!(
        keymap.action("Ctrl-f".parse().unwrap()),
        Some(Action::PageDown)
    );
    for (text, warning) in [
        ("[keys]\nfly = [\"f\"]", "no such action"),
        ("[keys]\nhold = \"H\"", "must be a list"),
        ("[keys]\nhold = [\"HH\"]", "is no key"),
        ("[keys]\nhold = [\"h\"]", "use a capital"),
        ("[keys]\nhold = [\"Enter\"]", "use a capital"),
        (
            "[keys]\nhold = [\"P\"]",
            "P means promote and hold; it does promote",
        ),
        ("[chords]\n", "there is only [keys]"),
        ("[keys", "keymap: "),
    ] {
        let (keymap, warnings) = read(text);
        assert!(
            warnings.join("\n").contains(warning),
            "{text}: {warnings:?}"
        );
        assert_eq!(
            keymap.action("P".parse().unwrap()),
            Some(Action::Promote),
            "{text}"
        );
    }
    for item in ACTIONS {
        for key in item.keys {
            assert_eq!(key.to_string().parse(), Ok(*key));
        }
    }
}
