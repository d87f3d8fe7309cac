//! Finding commands and shards: palette, completion, undo, sort, filter, the
//! screens and their cursors.

use crate::hands::{key_later, keys, on_ring, question, sent, tap};
use crate::scene::{Steps, healthy, letter, press, shard, show, troubled};
use crate::sights::watched;
use pilothouse::cockpit::action::ACTIONS;
use pilothouse::cockpit::complete::{candidates, complete};
use pilothouse::cockpit::{Effect, Layer, Model, Msg, Screen, update};
use pilothouse::rollout::{Event, Verb};
use pilothouse::wire::{Answer, Look, Scope, ServerMessage, Sight};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn on(name: &str) -> Scope {
    Scope::Shard(shard(name))
}

fn ctrl_p(model: &mut Model) {
    let key = KeyEvent::new(KeyCode::Char('p'), KeyModifiers::CONTROL);
    key_later(model, key);
}

fn names(model: &Model) -> Vec<&str> {
    model.shown_shards().map(|s| s.name.as_str()).collect()
}

fn filtered(text: &str) -> Vec<String> {
    let mut model = troubled().model();
    keys(&mut model, "/");
    keys(&mut model, text);
    tap(&mut model, KeyCode::Enter);
    names(&model).into_iter().map(str::to_owned).collect()
}

#[test]
fn the_filter_language_says_what_one_means() {
    assert_eq!(filtered("is:failed"), ["eu-06"]);
    assert_eq!(filtered("ring:early !is:failed"), ["eu-05", "eu-07"]);
    assert_eq!(filtered("lag>5s"), ["eu-05"]);
    assert_eq!(filtered("ring:early lag<5s"), ["eu-06", "eu-07"]);
    assert_eq!(filtered("stage:backfill throttled"), ["eu-05"]);
    assert_eq!(filtered("is:paused !us-01").len(), 7);
    assert!(filtered("nothing-is-called-so").is_empty());
}

#[test]
fn sorting_brings_up_what_needs_somebody_and_keeps_the_focus() {
    let mut model = troubled().model();
    keys(&mut model, "G");
    let focus = model.shard.clone();
    keys(&mut model, "s");
    assert_eq!(names(&model)[0], "eu-06", "failed first");
    assert_eq!(model.shard, focus);
    keys(&mut model, "ss");
    assert_eq!(names(&model)[0], "eu-05", "highest lag first");
    keys(&mut model, "ss");
    assert_eq!(names(&model)[0], "eu-01", "as in the file again");
}

#[test]
fn every_action_is_found_by_the_palette_and_does_what_its_key_does() {
    let model = healthy().model();
    for item in ACTIONS {
        let found = candidates(&model, item.name);
        assert!(
            found.iter().any(|c| c.command == item.name),
            "{}",
            item.name
        );
    }
    let mut model = healthy().model();
    ctrl_p(&mut model);
    keys(&mut model, "paus ear");
    assert!(matches!(&model.layer, Some(Layer::Palette(text, 0)) if text == "paus ear"));
    tap(&mut model, KeyCode::Enter);
    assert_eq!(question(&model).title, "Pause ring early?");
}

#[test]
fn what_cannot_be_done_now_stays_listed_with_its_reason() {
    let model = healthy().model();
    let found = candidates(&model, "abandon");
    let reason = found[0].reason.as_deref().unwrap();
    assert!(
        reason.contains("only while the rollout is being aborted"),
        "{reason}"
    );
}

#[test]
fn tab_completes_as_far_as_there_is_one_way() {
    let model = healthy().model();
    assert_eq!(complete(&model, "thr"), "throttle ");
    assert_eq!(complete(&model, "pause ea"), "pause early");
    assert_eq!(complete(&model, "shard us"), "shard us-0");
    assert_eq!(complete(&model, "nonsense"), "nonsense");
    let mut model = model;
    keys(&mut model, ":shard eu-07");
    tap(&mut model, KeyCode::Tab);
    let effects = tap(&mut model, KeyCode::Enter);
    assert_eq!(model.shown.screen, Screen::Shard);
    assert_eq!(
        effects,
        [Effect::Look(Look::Shard(crate::scene::shard("eu-07")))]
    );
}

/// The engine accepts whatever was sent.
fn accept(model: &mut Model, effects: &[Effect]) {
    for envelope in sent(effects) {
        let message = ServerMessage::Answer {
            key: envelope.key.clone(),
            answer: Answer::Accepted { seq: 99 },
        };
        let now = model.now;
        update(model, Msg::Server(Box::new(message), now));
    }
}

#[test]
fn undo_proposes_the_inverse_and_says_what_has_none() {
    let mut model = healthy().model();
    keys(&mut model, "u");
    assert!(
        model
            .status
            .as_ref()
            .unwrap()
            .text
            .starts_with("Nothing to undo")
    );
    on_ring(&mut model, "early");
    keys(&mut model, "xp");
    let effects = key_later(&mut model, letter('y'));
    accept(&mut model, &effects);
    // The view does not say so yet: it proposes, and is told why not.
    keys(&mut model, "u");
    let text = &model.status.as_ref().unwrap().text;
    assert!(
        text.contains("Cannot resume") && text.contains("not paused"),
        "{text}"
    );

    let mut scene = troubled();
    scene.later(1);
    let mut model = scene.model();
    on_ring(&mut model, "early");
    keys(&mut model, "R");
    key_later(&mut model, press(KeyCode::Tab));
    let effects = key_later(&mut model, press(KeyCode::Enter));
    accept(&mut model, &effects);
    keys(&mut model, "u");
    let text = &model.status.as_ref().unwrap().text;
    assert!(text.contains("a retry cannot be taken back"), "{text}");
}

#[test]
fn number_keys_show_the_screens_and_escape_leads_back_to_the_fleet() {
    let mut model = watched(&troubled());
    for (number, screen) in ('1'..='6').zip(Screen::ALL) {
        keys(&mut model, &number.to_string());
        assert_eq!(model.shown.screen, screen);
    }
    keys(&mut model, "/held");
    tap(&mut model, KeyCode::Enter);
    assert_eq!(model.filter, "", "the journal has a filter of its own");
    tap(&mut model, KeyCode::Enter);
    for left in ["the row", "the filter", "the screen"] {
        assert_eq!(model.shown.screen, Screen::Journal, "{left}");
        tap(&mut model, KeyCode::Esc);
    }
    assert_eq!(model.shown.screen, Screen::Fleet);
}

#[test]
fn nothing_that_is_open_closes_because_the_engine_speaks() {
    let mut scene = troubled();
    for opening in ["?", "x", ":pau", "/ring", "B", "xp"] {
        let mut model = scene.model();
        keys(&mut model, opening);
        let before = std::mem::discriminant(model.layer.as_ref().expect(opening));
        scene.later(1);
        let seq = model.seq + 1;
        crate::scene::show(&mut model, seq, &scene);
        let after = model.layer.as_ref().map(std::mem::discriminant);
        assert_eq!(after, Some(before), "{opening}");
    }
}

#[test]
fn what_is_looked_at_is_asked_for_again_only_while_it_is_looked_at() {
    let scene = troubled();
    let mut model = scene.model();
    let at = |ms: u64| pilothouse::base::Timestamp(scene.now.0 + ms);
    let looks = |model: &mut Model, ms: u64| update(model, Msg::Tick(at(ms)));
    assert_eq!(looks(&mut model, 100), []);
    assert_eq!(keys(&mut model, "6"), [Effect::Look(Look::Journal)]);
    assert_eq!(looks(&mut model, 600), []);
    assert_eq!(looks(&mut model, 1_300), [Effect::Look(Look::Journal)]);
    keys(&mut model, "1");
    assert_eq!(looks(&mut model, 2_600), []);
}

#[test]
fn acts_mean_the_shard_on_the_screen() {
    for (screen, name) in [
        ("2", "eu-05"),
        ("4", "eu-05"),
        ("5", "eu-05"),
        ("5jj", "eu-07"),
    ] {
        for before in ["", "\t", " "] {
            let mut model = watched(&troubled());
            match before {
                "\t" => drop(tap(&mut model, KeyCode::Tab)),
                typed => drop(keys(&mut model, typed)),
            }
            model.shard = Some(shard("eu-05"));
            keys(&mut model, screen);
            let drawn = crate::scene::screen(&model, 120, 40);
            keys(&mut model, "xp");
            let title = &question(&model).title;
            assert_eq!(
                title,
                &format!("Pause shard {name}?"),
                "{before:?} {screen}"
            );
            if screen.starts_with('5') {
                let row = drawn.lines().find(|l| l.starts_with('▌')).unwrap();
                assert!(row.contains(name), "{row}");
            }
        }
    }
}

#[test]
fn undo_takes_back_all_that_was_confirmed_together() {
    let mut scene = healthy();
    let mut model = scene.model();
    keys(&mut model, "jj  xp");
    let effects = key_later(&mut model, letter('y'));
    assert_eq!(sent(&effects).len(), 2);
    accept(&mut model, &effects);
    for name in ["eu-06", "eu-07"] {
        scene.by("lee", on(name), Event::Paused, "");
    }
    show(&mut model, 2, &scene);
    keys(&mut model, "u");
    assert_eq!(question(&model).title, "Resume 2 shards?");
    let effects = key_later(&mut model, letter('y'));
    let scopes: Vec<&Scope> = sent(&effects).iter().map(|e| &e.scope).collect();
    assert_eq!(scopes, [&on("eu-06"), &on("eu-07")]);
    assert!(sent(&effects).iter().all(|e| e.verb == Verb::Resume));
}

#[test]
fn a_refused_act_leaves_the_one_before_it_to_be_undone() {
    let scene = healthy();
    let mut model = scene.model();
    on_ring(&mut model, "early");
    keys(&mut model, "H");
    let effects = key_later(&mut model, letter('y'));
    accept(&mut model, &effects);
    keys(&mut model, "xp");
    let effects = key_later(&mut model, letter('y'));
    let refused = ServerMessage::Answer {
        key: sent(&effects)[0].key.clone(),
        answer: Answer::Refused {
            code: "paused".into(),
            text: "it is paused".into(),
        },
    };
    let now = model.now;
    update(&mut model, Msg::Server(Box::new(refused), now));
    let mut held = scene;
    let early = Scope::Ring(crate::scene::ring("early"));
    held.by("you", early, Event::Held, "");
    show(&mut model, 2, &held);
    keys(&mut model, "u");
    assert_eq!(question(&model).title, "Release ring early?");
}

#[test]
fn a_row_that_is_read_stays_under_the_cursor() {
    let scene = troubled();
    let mut model = watched(&scene);
    keys(&mut model, "6kk");
    let open = |model: &mut Model| tap(model, KeyCode::Enter);
    open(&mut model);
    let focused = |model: &Model| {
        let text = crate::scene::screen(model, 120, 40);
        let row = text.lines().find(|l| l.starts_with('▌')).unwrap();
        row.to_owned()
    };
    let before = focused(&model);
    // The oldest are gone from the page, and a new one is there.
    let mut page = model.seen.journal.clone().unwrap();
    page.entries.drain(..2);
    let mut newest = page.entries.last().unwrap().clone();
    newest.seq += 1;
    page.entries.push(newest);
    let sight = Box::new(ServerMessage::Sight(Sight::Journal(page)));
    update(&mut model, Msg::Server(sight, scene.now));
    assert_eq!(focused(&model), before);
}
