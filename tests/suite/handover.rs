//! The last shift in ten lines, in a terminal and on the screen.

use crate::daemon::Daemon;
use crate::documents::scratch;
use crate::hands::keys;
use crate::orders::{pilothouse, run_to};
use crate::scene::{Scene, Steps, healthy, opened, ring, screen, shard, troubled};
use crate::screens::scene;
use crate::shown::{SCENARIOS, on_call};
use crate::sights::{shift, watched};
use pilothouse::base::{Fault, Period, Timestamp};
use pilothouse::cockpit::{Effect, Msg, Screen, update};
use pilothouse::report::{Shift, handover, is_notable, plain};
use pilothouse::rollout::{Event, Fact, Scope};
use pilothouse::wire::{Handover, Look, ServerMessage, Sight, Topic};
use proptest::prelude::*;

fn line(handover: &Handover, topic: Topic) -> &str {
    let found = handover.lines.iter().find(|line| line.topic == topic);
    &found.unwrap().text
}

/// What is wrong with a handover's text.
fn complaint(text: &str) -> Option<String> {
    if text.lines().count() > 10 {
        return Some(format!("{} lines", text.lines().count()));
    }
    let long = text.lines().find(|line| line.chars().count() > 170);
    if let Some(long) = long {
        return Some(format!("too long: {long}"));
    }
    let active = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
    text.chars().find(active).map(|c| format!("{c:?} is in it"))
}

#[test]
fn ten_lines_whatever_happened() {
    for name in SCENARIOS {
        let told = shift(&scene(name));
        assert_eq!(told.lines.len(), 10, "{name}");
        assert_eq!(complaint(&plain(&told)), None, "{name}");
    }
    assert_eq!(complaint(&plain(&shift(&opened()))), None);
    assert!(complaint(&"a\n".repeat(11)).is_some());
    assert!(complaint(&"a".repeat(200)).is_some());
    assert!(complaint("a\u{1b}[2J").is_some());
}

#[test]
fn it_says_what_the_next_one_must_know() {
    let told = shift(&on_call());
    let has = |topic, wanted: &[&str]| {
        let text = line(&told, topic);
        for wanted in wanted {
            assert!(
                text.contains(wanted),
                "{topic:?}: {wanted} is not in {text}"
            );
        }
    };
    has(
        Topic::Shift,
        &["customers-email-v2 (r-0042)", "shop", "PRODUCTION"],
    );
    has(
        Topic::Rings,
        &["canary shift:10", "early backfill", "broad"],
    );
    has(
        Topic::NeedsYou,
        &[
            "shard eu-06: backfill failed",
            "call: team shop-db, pager 4711, then: head of platform",
        ],
    );
    has(
        Topic::Held,
        &[
            "ring canary held by ana",
            "support sees odd mails",
            "ring broad paused by lee",
            "deploy under way",
        ],
    );
    has(
        Topic::Done,
        &[
            "canary preflight to shift:10",
            "early preflight to dual_write",
        ],
    );
    has(Topic::Trouble, &["failed 1", "shard eu-06", "55P03"]);
    has(Topic::Acts, &["ana: held (canary", "lee: paused (broad"]);
    has(Topic::Record, &["ends at #"]);
}

#[test]
fn what_was_before_the_shift_is_not_in_it() {
    let scene = troubled();
    let told = handover(&Shift {
        view: &scene.view(),
        state: &scene.state,
        facts: &scene.facts,
        whole_since: Some(scene.now),
        since: Timestamp(scene.now.0 - 1_000),
        at: scene.now,
    });
    assert_eq!(line(&told, Topic::Acts), "nobody did anything");
    assert_eq!(line(&told, Topic::Trouble), "none in this shift");
    assert_eq!(line(&told, Topic::Done), "no ring finished a stage");
    // But what still holds is.
    assert!(line(&told, Topic::Held).contains("ring canary held by ana"));
    // And where the record in hand is short, it says so.
    assert!(line(&told, Topic::Record).contains("acts and trouble from"));
}

#[test]
fn shards_at_work_are_left_to_the_state() {
    let mut scene = healthy();
    let before = shift(&scene);
    let kept: Vec<(u64, Fact)> = scene
        .facts
        .iter()
        .filter(|(_, f)| is_notable(&f.event))
        .cloned()
        .collect();
    assert!(kept.len() < scene.facts.len());
    scene.facts = kept;
    // All but the feed's own numbers is the same.
    let told = shift(&scene);
    for (a, b) in before.lines.iter().zip(&told.lines).take(9) {
        assert_eq!(a, b);
    }
}

fn hostile_scene(text: &str, many: usize) -> Scene {
    let mut scene = opened();
    for _ in 0..many {
        let broken = Fault {
            code: text.into(),
            what: text.into(),
            place: text.into(),
            why: None,
            did: text.into(),
            can: text.into(),
        };
        for (scope, event) in [
            (Scope::Ring(ring("early")), Event::Held),
            (Scope::Fleet, Event::Paused),
            (
                Scope::Shard(shard("eu-05")),
                Event::ShardFailed { fault: broken },
            ),
        ] {
            scene.by(text, scope, event, text);
        }
    }
    scene
}

proptest! {
    #[test]
    fn no_name_makes_it_longer_or_drives_the_terminal(
        text in "[a-z\\n\\r\\t\u{1b}\u{9b}\u{202e}|<]{0,300}",
        many in 1_usize..20,
    ) {
        let told = shift(&hostile_scene(&text, many));
        prop_assert_eq!(complaint(&plain(&told)), None);
    }
}

#[tokio::test]
async fn the_command_says_it_with_and_without_an_engine() {
    let folder = scratch().await;
    let path = folder.path();
    let never = pilothouse(path, &["handover"]).output().unwrap();
    assert_eq!(never.status.code(), Some(3));
    run_to(path, "verify");
    let ended = pilothouse(path, &["handover", "--since", "12h"])
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{said}");
    assert_eq!(said.lines().count(), 10, "{said}");
    assert!(
        said.contains("canary preflight to verify; broad preflight to verify"),
        "{said}"
    );
    // An engine that is there is asked for nothing but what it published.
    let mut daemon = Daemon::in_folder(folder);
    daemon.serve(&[]);
    let ended = pilothouse(daemon.folder.path(), &["handover"])
        .output()
        .unwrap();
    let live = String::from_utf8(ended.stdout).unwrap();
    assert!(
        ended.status.success() && live.lines().count() == 10,
        "{live}"
    );
}

#[test]
fn the_screen_asks_for_it_and_wraps_all_of_it() {
    let mut model = troubled().model();
    let effects = keys(&mut model, "7");
    let eight_hours = Period::from_ms(8 * 3_600_000);
    assert_eq!(effects, [Effect::Look(Look::Handover(eight_hours))]);
    assert!(screen(&model, 80, 24).contains("Waiting for the handover."));
    let told = shift(&on_call());
    let sight = ServerMessage::Sight(Sight::Handover(Box::new(told.clone())));
    let now = model.now;
    update(&mut model, Msg::Server(Box::new(sight), now));
    assert_eq!(model.shown.screen, Screen::Handover);
    for (wide, high) in [(80, 24), (120, 40)] {
        let text = screen(&model, wide, high);
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let on_it = words(&text);
        for line in &told.lines {
            for word in words(&line.text) {
                assert!(
                    on_it.contains(&word),
                    "{wide}: {word} of {} is missing:\n{text}",
                    line.text
                );
            }
        }
    }
    let copied = keys(&mut watched(&on_call()), "7y");
    assert!(matches!(copied.last(), Some(Effect::Copy(text)) if text.contains("Needs you: ")));
}
