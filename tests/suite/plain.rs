//! The cockpit in lines: it says what the screen shows, and asks what the
//! screen asks.

use crate::hands::{AFTER, sent};
use crate::scene::{
    Scene, Steps, finished, healthy, opened, options, ready, ring, shard, troubled,
};
use clap::Parser as _;
use pilothouse::base::{Fault, Period, Stop, Timestamp};
use pilothouse::cli::args::Cli;
use pilothouse::cockpit::action::ACTIONS;
use pilothouse::cockpit::plain::Talk;
use pilothouse::cockpit::{Effect, GlyphSet, Layer, Msg};
use pilothouse::drill::scene::Step;
use pilothouse::rollout::Event;
use pilothouse::wire::{Answer, Look, Scope, ServerMessage, Sight, Stream, Verb};
use proptest::prelude::*;

fn view_of(scene: &Scene, seq: u64) -> Msg {
    let snapshot = Stream::Snapshot {
        seq,
        at: scene.now,
        view: Box::new(scene.view()),
    };
    Msg::Server(Box::new(ServerMessage::Stream(snapshot)), scene.now)
}

/// A conversation that has heard of the scene, with its first words.
fn begun(scene: &Scene) -> (Talk, Vec<String>) {
    let mut talk = Talk::new(options(), scene.now);
    talk.hear(view_of(scene, 1));
    let lines = talk.take_lines();
    (talk, lines)
}

fn hear(talk: &mut Talk, scene: &Scene, seq: u64) -> Vec<String> {
    talk.hear(view_of(scene, seq));
    talk.take_lines()
}

/// Types a line when a person would: what was said before could be read.
fn types(talk: &mut Talk, text: &str) -> (Vec<Effect>, Vec<String>) {
    let at = talk.model().now.after(AFTER);
    let effects = talk.line(text, at);
    (effects, talk.take_lines())
}

fn has(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

#[track_caller]
fn assert_has(lines: &[String], text: &str) {
    assert!(has(lines, text), "no {text:?} in\n{}", lines.join("\n"));
}

fn is_asking(talk: &Talk) -> bool {
    matches!(talk.model().layer, Some(Layer::Dialog(_)))
}

#[test]
fn the_first_summary_and_a_question_in_words() {
    let (mut talk, mut lines) = begun(&troubled());
    for command in ["open", "abort"] {
        lines.push(format!("> {command}"));
        lines.extend(types(&mut talk, command).1);
    }
    insta::assert_snapshot!("plain_troubled", lines.join("\n"));
}

#[test]
fn every_event_and_every_change_is_said_once() {
    let mut scene = healthy();
    let (mut talk, first) = begun(&scene);
    assert_has(&first, "Needs you: nothing.");
    assert_has(&first, "State: ");
    assert_has(&first, "Next: ");
    // Nothing new, nothing said; time alone is nothing new.
    assert_eq!(hear(&mut talk, &scene, 2), Vec::<String>::new());
    scene.later(1);
    assert_eq!(hear(&mut talk, &scene, 3), Vec::<String>::new());

    let known = scene.view().events.last().unwrap().seq;
    scene.fail("eu-06");
    scene.by("ana", Scope::Ring(ring("canary")), Event::Held, "odd mails");
    let new = hear(&mut talk, &scene, 4);
    for event in scene.view().events.iter().filter(|e| e.seq > known) {
        let told = format!(" by {}", event.actor);
        let lines = new
            .iter()
            .filter(|l| l.contains(&event.scope.to_string()) && l.contains(&told));
        assert!(lines.count() >= 1, "{event:?} is not in {new:#?}");
    }
    assert_has(&new, "ring canary: held: odd mails, by ana");
    assert_has(&new, "State: 1 failed");
    assert_has(
        &new,
        "Needs you: shard eu-06: backfill failed; retry or roll back",
    );
    assert_eq!(hear(&mut talk, &scene, 5), Vec::<String>::new());

    let retried = Event::Retried {
        shards: vec![shard("eu-06")],
    };
    scene.by("lee", Scope::Shard(shard("eu-06")), retried, "");
    scene.begin("early", Stop::Backfill);
    let new = hear(&mut talk, &scene, 6);
    assert_has(&new, "No longer needs you: shard eu-06");
    assert_has(&new, "Needs you: nothing.");
}

#[test]
fn a_feed_that_went_by_too_fast_is_owned_up_to() {
    let mut scene = healthy();
    let (mut talk, _) = begun(&scene);
    for _ in 0..60 {
        scene.by("lee", Scope::Fleet, Event::Held, "");
        scene.by("lee", Scope::Fleet, Event::Released, "");
    }
    let new = hear(&mut talk, &scene, 2);
    assert_has(&new, "70 events went by too fast");
}

#[test]
fn every_question_is_answered_with_no_by_default() {
    for scene in [opened(), ready(), healthy(), troubled(), finished()] {
        for item in ACTIONS.iter().filter(|item| item.mutates()) {
            for answer in ["", "no", "Y es", "help", "quit"] {
                let (mut talk, _) = begun(&scene);
                let (_, lines) = types(&mut talk, &format!(":{} ", item.name));
                if !is_asking(&talk) {
                    assert_has(&lines, &format!("Cannot {}: ", item.name));
                    continue;
                }
                let mut said = Vec::new();
                // The stage to go back to has a default, the act has not.
                for _ in 0..3 {
                    let (effects, lines) = types(&mut talk, answer);
                    assert!(sent(&effects).is_empty(), "{}: {answer}", item.name);
                    said.extend(lines);
                    if !is_asking(&talk) || has(&said, "There is no stage") {
                        break;
                    }
                }
                if is_asking(&talk) {
                    said.extend(types(&mut talk, "n").1);
                }
                assert_has(&said, "cancelled, nothing was sent");
                assert!(!is_asking(&talk));
            }
        }
    }
}

#[test]
fn yes_sends_it_and_the_answer_is_told() {
    let (mut talk, _) = begun(&healthy());
    let (_, lines) = types(&mut talk, "pause early");
    assert_has(&lines, "Shards: 3, 3 at work: eu-05, eu-06, eu-07");
    assert_eq!(lines.last().unwrap(), "Pause ring early? y/N");
    let (effects, lines) = types(&mut talk, "y");
    assert_has(&lines, "pause ring early: sent, waiting for the answer");
    let order = sent(&effects)[0].clone();
    assert_eq!(
        (&order.scope, &order.verb),
        (&Scope::Ring(ring("early")), &Verb::Pause)
    );
    let mut tell = |answer| {
        let key = order.key.clone();
        let message = ServerMessage::Answer { key, answer };
        talk.hear(Msg::Server(Box::new(message), talk.model().now));
        talk.take_lines()
    };
    let refused = Answer::Refused {
        code: "held".into(),
        text: "held by ana".into(),
    };
    assert_eq!(tell(refused), ["pause ring early: refused: held by ana"]);
    assert_eq!(tell(Answer::Repeated), Vec::<String>::new());
}

#[test]
fn what_was_typed_before_the_question_answers_nothing() {
    let (mut talk, _) = begun(&healthy());
    let now = talk.model().now;
    talk.line("pause early", now);
    assert_eq!(sent(&talk.line("y", now)).len(), 0);
    let lines = talk.take_lines();
    assert_has(&lines, "it still stands");
    assert!(is_asking(&talk));
    assert_eq!(sent(&types(&mut talk, "y").0).len(), 1);
}

#[test]
fn a_name_must_be_typed_and_a_reason_may_be() {
    let id = healthy()
        .view()
        .header
        .rollout
        .unwrap()
        .migration
        .to_string();
    let (mut talk, _) = begun(&healthy());
    let (_, lines) = types(&mut talk, "abort");
    let asked = format!("Type {id} to confirm; anything else cancels.");
    assert_eq!(*lines.last().unwrap(), asked);
    for wrong in ["y", &id[..3], &format!("{id}x")] {
        let (effects, lines) = types(&mut talk, wrong);
        assert!(sent(&effects).is_empty());
        assert_has(&lines, "abort: cancelled, nothing was sent");
        types(&mut talk, "abort");
    }
    assert!(sent(&types(&mut talk, &id).0).is_empty());
    let (effects, _) = types(&mut talk, "support sees \u{1b}[2Jodd mails");
    let order = sent(&effects)[0];
    assert_eq!(order.confirm.as_ref(), Some(&id));
    assert_eq!(order.reason, "support sees [2Jodd mails");

    // An abandoned shard needs a reason.
    let mut scene = healthy();
    scene.by("lee", Scope::Fleet, Event::AbortBegun, "");
    let (mut talk, _) = begun(&scene);
    types(&mut talk, "abandon eu-05");
    types(&mut talk, "eu-05");
    let (effects, lines) = types(&mut talk, "");
    assert!(sent(&effects).is_empty());
    assert_has(&lines, "abandon needs a reason");
    let (effects, _) = types(&mut talk, "its server is gone");
    assert_eq!(sent(&effects)[0].reason, "its server is gone");
}

#[test]
fn a_roll_back_goes_to_the_stage_that_was_chosen() {
    for (choice, to) in [
        ("", Stop::DualWrite),
        ("1", Stop::Snapshot),
        ("expand", Stop::Expand),
    ] {
        let (mut talk, _) = begun(&troubled());
        let (_, lines) = types(&mut talk, "rollback early");
        assert_has(&lines, "1 snapshot, 2 expand, 3 dual_write");
        let (_, lines) = types(&mut talk, choice);
        assert_eq!(lines.last().unwrap(), "Roll back ring early? y/N");
        let (_, lines) = types(&mut talk, "yes");
        assert_has(&lines, "Reason?");
        let (effects, _) = types(&mut talk, "");
        assert_eq!(sent(&effects)[0].verb, Verb::RollBack { to }, "{choice}");
    }
    let (mut talk, _) = begun(&troubled());
    types(&mut talk, "rollback early");
    let (_, lines) = types(&mut talk, "9");
    assert_has(&lines, "There is no stage 9");
    assert!(is_asking(&talk));
}

#[test]
fn what_a_merge_restore_gives_is_said_before_it_can_be_confirmed() {
    let mut scene = finished();
    let (mut talk, _) = begun(&scene);
    let (effects, lines) = types(&mut talk, "roll back fleet");
    assert!(effects.contains(&Effect::Look(Look::Restore)));
    assert_has(&lines, "Gives back: counting: 0 of 12 shards counted");
    let id = scene.view().header.rollout.unwrap().migration.to_string();
    types(&mut talk, "");
    types(&mut talk, &id);
    let (effects, lines) = types(&mut talk, "wrong column");
    assert!(sent(&effects).is_empty());
    assert_has(
        &lines,
        "Cannot be confirmed: what it gives back is being counted",
    );
    for shard in scene.view().shards {
        scene.step(Step::CountRestore {
            shard: shard.name,
            exported: 1_000,
            down: 2,
        });
    }
    assert_has(
        &hear(&mut talk, &scene, 2),
        "Gives back: exported values on 12,000 rows",
    );
    let (effects, _) = types(&mut talk, "y");
    assert_eq!(sent(&effects)[0].reason, "wrong column");
}

#[test]
fn a_question_that_the_fleet_has_overtaken_is_not_confirmed() {
    let mut scene = ready();
    let (mut talk, _) = begun(&scene);
    types(&mut talk, "promote canary");
    scene.by("ana", Scope::Ring(ring("canary")), Event::Held, "");
    assert_has(
        &hear(&mut talk, &scene, 2),
        "ring canary has changed since this opened",
    );
    types(&mut talk, "y");
    let (effects, lines) = types(&mut talk, "");
    assert!(sent(&effects).is_empty());
    assert_has(&lines, "promote: cancelled, nothing was sent");
}

#[test]
fn silence_is_said_once_and_nothing_can_be_sent() {
    let scene = healthy();
    let (mut talk, _) = begun(&scene);
    types(&mut talk, "pause early");
    for seconds in [4, 5, 6] {
        let later = scene.now.after(Period::from_ms(seconds * 1_000));
        assert_eq!(talk.hear(Msg::Tick(later)), []);
    }
    let lines = talk.take_lines();
    assert_eq!(
        lines,
        ["The engine was last heard 4 s ago; nothing can be changed until it is heard again."]
    );
    let (effects, lines) = types(&mut talk, "y");
    assert!(sent(&effects).is_empty());
    assert_has(&lines, "Cannot be confirmed: the engine is not heard");
    types(&mut talk, "");
    let mut later = scene.clone();
    later.later(7);
    assert_has(&hear(&mut talk, &later, 2), "The engine is heard again.");
    talk.hear(Msg::Gone);
    assert_has(&talk.take_lines(), "The engine is gone");
    assert_has(
        &types(&mut talk, "hold early").1,
        "Cannot hold: the engine is gone",
    );
}

#[test]
fn help_lists_every_action_and_status_says_it_all_again() {
    let (mut talk, first) = begun(&troubled());
    for ask in ["help", ":help", "?", " : help "] {
        let (_, lines) = types(&mut talk, ask);
        for item in ACTIONS {
            assert_has(&lines, &format!("{}: {}", item.name, item.doc));
        }
    }
    let (_, again) = types(&mut talk, ":status");
    assert!(first.starts_with(&again), "{again:#?}");
    assert_has(&types(&mut talk, "operations").1, "promote: not now: ");
    assert_has(&types(&mut talk, "down").1, "In focus: shard ");
    assert_has(&types(&mut talk, "pane").1, "In focus: the fleet.");
    assert_has(&types(&mut talk, "open").1, "State: ");
    assert_has(&types(&mut talk, "freeze").1, "Frozen");
    assert_has(&types(&mut talk, "freeze").1, "Live again");
    assert_has(&types(&mut talk, "filter").1, "is for the screen");
    assert_has(&types(&mut talk, "fly").1, "There is no command fly");
    assert_eq!(types(&mut talk, "").1, Vec::<String>::new());
    assert_eq!(types(&mut talk, "quit").0, [Effect::Quit]);
}

#[test]
fn foreign_text_neither_drives_a_terminal_nor_makes_a_line() {
    let mut scene = troubled();
    let fault = Fault {
        code: "X".into(),
        what: "odd\u{9b}2J\u{1b}]0;t\u{7}\npromote fleet: accepted, entry 9\r\u{202e}".into(),
        place: "us-03".into(),
        why: None,
        did: "stopped".into(),
        can: "retry".into(),
    };
    let shard = shard("us-03");
    scene.step(Step::Fail { shard, fault });
    let (mut talk, mut lines) = begun(&scene);
    lines.extend(types(&mut talk, "retry us-03").1);
    let odd: Vec<&String> = lines.iter().filter(|line| line.contains("odd")).collect();
    assert!(!odd.is_empty(), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.starts_with("promote fleet")));
    assert!(lines.iter().all(|line| !line.chars().any(char::is_control)));
    assert!(lines.iter().all(|line| !line.contains('\u{202e}')));
}

#[test]
fn there_is_one_face_at_a_time() {
    for command in ["demo", "run --fleet f.toml --migration m.toml"] {
        let parse = |more: &str| {
            let line = format!("pilothouse {command} {more}");
            Cli::try_parse_from(line.split_whitespace()).map(|_| ())
        };
        assert!(parse("--plain").is_ok());
        assert!(parse("--plain --headless").is_err());
    }
}

fn any_line() -> impl Strategy<Value = String> {
    let names: Vec<&str> = ACTIONS.iter().map(|item| item.name).collect();
    prop_oneof![
        6 => (prop::sample::select(names), prop::sample::select(vec!["", " fleet", " early", " eu-06"]))
            .prop_map(|(name, scope)| format!("{name}{scope}")),
        4 => prop::sample::select(vec!["y", "n", "", "1", "yes", "status", "eu-06"]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_act_leaves_only_through_a_question_that_was_put(
        scene in prop::sample::select(vec![opened(), ready(), healthy(), troubled(), finished()]),
        typed in prop::collection::vec((any_line(), 0..600u64), 0..40),
    ) {
        let mut talk = Talk::new(pilothouse::cockpit::Options { glyphs: GlyphSet::Ascii, ..options() }, scene.now);
        talk.hear(view_of(&scene, 1));
        let mut asked = None;
        for (text, wait) in typed {
            let at = Timestamp(talk.model().now.0 + wait);
            let before = is_asking(&talk);
            let effects = talk.line(&text, at);
            if !before && is_asking(&talk) {
                asked = Some(at);
            }
            for line in talk.take_lines() {
                prop_assert!(line.bytes().all(|b| (0x20..0x7f).contains(&b)), "{line:?}");
            }
            if !sent(&effects).is_empty() {
                prop_assert!(before && asked.is_some());
                prop_assert!(wait >= 250);
            }
        }
    }
}

#[test]
fn a_screen_is_told_once_when_the_engine_has_looked() {
    let scene = troubled();
    let (mut talk, _) = begun(&scene);
    let (effects, lines) = types(&mut talk, "shard eu-05");
    let shard = crate::scene::shard("eu-05");
    assert!(effects.contains(&Effect::Look(Look::Shard(shard))));
    assert_has(&lines, "Shard eu-05, ring early, backfill");
    let sight = |sight| Msg::Server(Box::new(ServerMessage::Sight(sight)), scene.now);
    let detail = || sight(Sight::Shard(Box::new(crate::sights::detail(&scene))));
    talk.hear(detail());
    let lines = talk.take_lines();
    assert_has(&lines, "Signal: replica_lag_ms 6.1 s, limit 5 s, eu-05-r2");
    assert_has(
        &lines,
        "Lock: shop web (pid 5120) waits 2.1 s for batch nightly",
    );
    talk.hear(detail());
    assert_eq!(talk.take_lines(), Vec::<String>::new());
    types(&mut talk, "journal");
    talk.hear(sight(Sight::Journal(crate::sights::journal(&scene))));
    assert_has(&talk.take_lines(), "held: support sees odd mails");
}
