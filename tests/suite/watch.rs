//! What a cockpit does around its screen: it asks before it takes the engine
//! with it, calls who looks elsewhere, copies, and hears a mouse if it may.

use crate::hands::{key_later, keys, on_ring, tap};
use crate::scene::{Scene, Steps, healthy, letter, opened, press, screen, shard, show, troubled};
use crate::sights::watched;
use pilothouse::cockpit::{
    Attention, Effect, FleetRow, Layer, Leaving, Model, Mouse, MouseDid, Msg, Pane, Screen, Switch,
    update,
};
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::{Position, Size};

#[test]
fn leaving_asks_while_shards_are_at_work() {
    let mut model = healthy().model();
    assert_eq!(keys(&mut model, "q"), []);
    let asked = Some(Layer::Leave(model.now));
    assert_eq!(model.layer, asked);
    // `y` copies elsewhere: typed in one breath it is no answer.
    assert_eq!(keys(&mut model, "y"), []);
    assert_eq!(model.layer, asked);
    let text = screen(&model, 80, 24);
    assert!(text.contains("the engine stops too"), "{text}");
    assert!(text.contains("eu-05"), "what is at work is named: {text}");
    for stays in [
        letter('n'),
        press(KeyCode::Esc),
        letter('q'),
        press(KeyCode::Enter),
    ] {
        model.layer.clone_from(&asked);
        assert_eq!(key_later(&mut model, stays), []);
        assert_eq!(model.layer, None, "{stays:?}");
    }
    // Nothing else is an answer, and acts are not reached through it.
    model.layer.clone_from(&asked);
    for other in ['p', 'P', 'x', 'j', '?', ':'] {
        let key = letter(other);
        assert_eq!(key_later(&mut model, key), []);
        assert_eq!(model.layer, asked, "{other}");
    }
    assert_eq!(key_later(&mut model, letter('y')), [Effect::Quit]);
}

#[test]
fn the_answer_to_leaving_is_on_the_screen_at_every_size() {
    let mut scene = healthy();
    scene.walk("canary", pilothouse::base::Stop::Shift(100));
    scene.walk("broad", pilothouse::base::Stop::DualWrite);
    scene.begin("broad", pilothouse::base::Stop::Backfill);
    let mut model = scene.model();
    keys(&mut model, "q");
    for (wide, high) in [(40, 10), (80, 24), (200, 60)] {
        let text = screen(&model, wide, high);
        assert!(text.contains("y leave   N stay"), "{text}");
    }
}

#[test]
fn leaving_asks_nothing_when_nothing_would_stop() {
    let mut idle = opened().model();
    assert_eq!(keys(&mut idle, "q"), [Effect::Quit]);
    let mut attached = healthy().model();
    attached.options.leaving = Leaving::LeavesTheEngine;
    assert_eq!(keys(&mut attached, "q"), [Effect::Quit]);
    let mut gone = healthy().model();
    update(&mut gone, Msg::Gone);
    assert_eq!(keys(&mut gone, "q"), [Effect::Quit]);
    // These are for those who have decided.
    let mut decided = healthy().model();
    assert_eq!(keys(&mut decided, "Q"), [Effect::Quit]);
    keys(&mut decided, ":quit");
    assert_eq!(tap(&mut decided, KeyCode::Enter), [Effect::Quit]);
}

/// The scene goes on, and the cockpit is told.
fn goes_on(model: &mut Model, scene: &mut Scene, seconds: u64) -> Vec<Effect> {
    scene.later(seconds);
    let seq = model.seq + 1;
    show(model, seq, scene)
}

#[test]
fn who_looks_elsewhere_is_called_once_for_a_new_need() {
    let mut scene = healthy();
    let mut model = scene.model();
    scene.fail("eu-06");
    assert_eq!(goes_on(&mut model, &mut scene, 1), [], "somebody looks");
    update(&mut model, Msg::Attention(Attention::Away));
    assert_eq!(goes_on(&mut model, &mut scene, 1), [], "nothing is new");
    scene.fail("eu-07");
    let called = goes_on(&mut model, &mut scene, 1);
    let [Effect::Call(text)] = &called[..] else {
        panic!("not called: {called:?}");
    };
    assert!(
        text.starts_with("pilothouse: shard eu-07: backfill failed"),
        "{text}"
    );
    // Not like an alarm bell; but what came meanwhile is not lost.
    scene.fail("eu-05");
    assert_eq!(goes_on(&mut model, &mut scene, 1), []);
    let called = goes_on(&mut model, &mut scene, 30);
    assert!(
        matches!(&called[..], [Effect::Call(text)] if text.contains("eu-05")),
        "{called:?}"
    );
    assert_eq!(goes_on(&mut model, &mut scene, 60), []);
    let gone = update(&mut model, Msg::Gone);
    assert!(
        matches!(&gone[..], [Effect::Call(text)] if text.contains("not heard")),
        "{gone:?}"
    );
    // Whoever types looks, whatever the terminal says.
    let mut model = healthy().model();
    update(&mut model, Msg::Attention(Attention::Away));
    keys(&mut model, "j");
    assert_eq!(goes_on(&mut model, &mut scene, 60), []);
}

fn copied(effects: &[Effect]) -> &str {
    match effects {
        [Effect::Copy(text)] => text,
        other => panic!("nothing was copied: {other:?}"),
    }
}

#[test]
fn what_is_in_focus_is_copied_and_cannot_drive_a_terminal() {
    let mut model = watched(&troubled());
    model.shard = Some(shard("eu-06"));
    let effects = keys(&mut model, "y");
    let text = copied(&effects);
    assert!(text.starts_with("shard eu-06 (early, "), "{text}");
    assert!(text.contains("\\u{1b}[31mcustomers"), "{text}");
    assert!(text.chars().all(|c| !c.is_control()), "{text}");
    on_ring(&mut model, "canary");
    assert!(copied(&keys(&mut model, "y")).starts_with("ring canary: held"));
    keys(&mut model, "3");
    let statements = keys(&mut model, "jjy");
    let plan = model.seen.plan.as_ref().unwrap();
    assert_eq!(copied(&statements), plan[2].sql.join(";\n"));
    keys(&mut model, "4");
    model.shard = model.seen.shard.as_ref().map(|detail| detail.shard.clone());
    // The row under the cursor, which is not the first that was found.
    let text = screen(&model, 120, 40);
    let focused = text.lines().find(|line| line.starts_with('▌')).unwrap();
    let name = focused.split_whitespace().nth(1).unwrap();
    let effects = keys(&mut model, "y");
    assert!(
        copied(&effects).contains(&format!("check {name}: ")),
        "{focused}"
    );
    keys(&mut model, "6");
    let entry = keys(&mut model, "y");
    assert!(serde_json::from_str::<serde_json::Value>(copied(&entry)).is_ok());
    assert!(screen(&model, 80, 24).contains("Copied entry "));
    // An empty fleet has nothing to copy, and says so.
    let mut empty = Model::new(crate::scene::options(), model.now);
    assert_eq!(keys(&mut empty, "y"), []);
}

const SIZE: Size = Size {
    width: 120,
    height: 40,
};

fn mouse(model: &mut Model, did: MouseDid, text: &str) -> Vec<Effect> {
    let drawn = screen(model, SIZE.width, SIZE.height);
    let (y, line) = (0..)
        .zip(drawn.lines())
        .find(|(_, l)| l.contains(text))
        .unwrap();
    let x = line.split_once(text).unwrap().0.chars().count();
    let at = Position::new(u16::try_from(x).unwrap(), y);
    let size = SIZE;
    update(model, Msg::Mouse(Mouse { did, at, size }))
}

#[test]
fn a_mouse_points_opens_and_scrolls_and_never_answers() {
    let mut model = troubled().model();
    keys(&mut model, ":mouse");
    assert_eq!(tap(&mut model, KeyCode::Enter), [Effect::Mouse(Switch::On)]);
    mouse(&mut model, MouseDid::Press, "us-03 ");
    assert_eq!(
        (model.pane, &model.shard),
        (Pane::Shards, &Some(shard("us-03")))
    );
    mouse(&mut model, MouseDid::WheelDown, "us-03 ");
    assert_eq!(model.shard, Some(shard("us-06")));
    mouse(&mut model, MouseDid::WheelUp, "us-03 ");
    mouse(&mut model, MouseDid::Press, "early ");
    assert_eq!(model.pane, Pane::Rings);
    assert_eq!(model.ring, FleetRow::Ring(crate::scene::ring("early")));
    mouse(&mut model, MouseDid::Press, "us-03 ");
    mouse(&mut model, MouseDid::Press, "us-03 ");
    assert_eq!(model.shown.screen, Screen::Shard, "the second press opens");
    mouse(&mut model, MouseDid::Press, "6 Journal");
    assert_eq!(model.shown.screen, Screen::Journal);
    keys(&mut model, "1xp");
    let asked = model.layer.clone();
    assert!(matches!(asked, Some(Layer::Dialog(_))));
    mouse(&mut model, MouseDid::Press, "y/N");
    assert_eq!(model.layer, asked);
    model.layer = None;
    keys(&mut model, ":mouse");
    assert_eq!(
        tap(&mut model, KeyCode::Enter),
        [Effect::Mouse(Switch::Off)]
    );
}

#[test]
fn a_newcomer_is_told_what_to_press_until_the_first_key() {
    let mut model = healthy().model();
    model.welcome = vec!["Enter says why".into(), "x acts".into(), "q leaves".into()];
    for (wide, high) in [(80, 24), (120, 40), (40, 10)] {
        let text = screen(&model, wide, high);
        for line in &model.welcome {
            assert!(text.contains(line), "{wide}x{high}\n{text}");
        }
    }
    keys(&mut model, "j");
    assert!(!screen(&model, 80, 24).contains("Enter says why"));
}

#[test]
fn everything_that_needs_somebody_is_listed_and_one_goes_there() {
    let mut model = troubled().model();
    keys(&mut model, "/zzz");
    tap(&mut model, KeyCode::Enter);
    keys(&mut model, "n");
    let text = screen(&model, 80, 24);
    for need in &troubled().view().needs_you {
        assert!(text.contains(&need.scope.to_string()), "{text}");
    }
    let second = troubled().view().needs_you[1].scope.clone();
    keys(&mut model, "j");
    tap(&mut model, KeyCode::Enter);
    assert_eq!(model.layer, None);
    let focus = model.shard.clone().map(pilothouse::rollout::Scope::Shard);
    assert_eq!(focus, Some(second), "the filter that hid it is gone");
    assert_eq!(model.pane, Pane::Shards);
}
