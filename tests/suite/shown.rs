//! Every screen, question and state that the cockpit can show, by name.

use crate::hands::{key_later, keys, on_ring};
use crate::scene::{Scene, Step, Steps, options, press, ready, shard};
use crate::screens::scene;
use crate::sights::watched;
use pilothouse::base::{Contacts, Period};
use pilothouse::cockpit::{Layer, Model, Msg, Pane, update};
use pilothouse::rollout::{Event, Scope};
use pilothouse::wire::{Answer, ServerMessage};
use ratatui::crossterm::event::KeyCode;

pub const SCENARIOS: [&str; 5] = [
    "healthy",
    "troubled",
    "contract",
    "rolling-back",
    "finished",
];

/// Keys for a scene: `\n` is Enter, `\t` Tab, `<` Escape.
fn type_in(model: &mut Model, typed: &str) {
    for letter in typed.chars() {
        match letter {
            '\n' => drop(key_later(model, press(KeyCode::Enter))),
            '\t' => drop(key_later(model, press(KeyCode::Tab))),
            '<' => drop(key_later(model, press(KeyCode::Esc))),
            letter => drop(keys(model, &letter.to_string())),
        }
    }
}

/// A scenario, watched for a while, and keys.
const LOOKS: [(&str, &str, &str); 11] = [
    ("shard", "troubled", "2"),
    ("plan", "troubled", "3"),
    ("checks", "troubled", "4"),
    ("flags", "troubled", "5"),
    ("journal", "troubled", "6"),
    ("shard-scrolled", "troubled", "2jjjjjjjj"),
    ("plan-opened", "troubled", "3jj\n"),
    ("checks-opened", "troubled", "4\n"),
    ("flags-opened", "troubled", "5\n"),
    ("journal-filtered", "troubled", "6/ana\n\n"),
    ("journal-nothing", "troubled", "6/zzz\n"),
];

/// A scenario, a ring in focus if one is named, and keys.
const TYPED: [(&str, &str, &str, &str); 23] = [
    ("help", "healthy", "", "?"),
    ("operations", "troubled", "", "x"),
    ("needs", "troubled", "", "nj"),
    ("ring", "troubled", "canary", "\n"),
    ("retire", "contract", "canary", "P"),
    ("roll-back", "troubled", "early", "B"),
    ("retry", "troubled", "early", "R"),
    ("abort", "troubled", "", "xA"),
    ("pause", "healthy", "", "xp"),
    ("resume", "troubled", "broad", "xr"),
    ("hold", "healthy", "early", "H"),
    ("release", "troubled", "canary", "xl"),
    ("throttle-up", "healthy", "early", "x+"),
    ("throttle-down", "healthy", "early", "x-"),
    ("filter", "healthy", "", "/ring:early"),
    ("filter-nothing", "healthy", "", "/zzz\n"),
    ("command", "healthy", "", ":pause ea"),
    ("refused", "healthy", "canary", "R"),
    ("marked", "healthy", "", "  s"),
    ("leave", "healthy", "", "q"),
    ("frozen", "troubled", "", "z"),
    ("gone", "healthy", "", ""),
    ("stale", "healthy", "", ""),
];

fn typed(scenario: &str, ring: &str, typed: &str) -> Model {
    let mut model = scene(scenario).model();
    if !ring.is_empty() {
        on_ring(&mut model, ring);
    }
    type_in(&mut model, typed);
    model
}

/// Every screen and question there is: name, and the model that shows it.
pub fn screens() -> Vec<(String, Model)> {
    let mut all: Vec<(String, Model)> = Vec::new();
    let mut add = |name: &str, model: Model| all.push((name.to_owned(), model));
    for name in SCENARIOS {
        add(name, scene(name).model());
    }
    for (name, scenario, keys) in LOOKS {
        let mut model = watched(&scene(scenario));
        type_in(&mut model, keys);
        add(name, model);
    }
    for (name, scenario, ring, keys) in TYPED {
        let mut model = typed(scenario, ring, keys);
        match name {
            "gone" => drop(update(&mut model, Msg::Gone)),
            "stale" => {
                let later = model.now.after(Period::from_ms(7_000));
                update(&mut model, Msg::Tick(later));
            }
            _ => {}
        }
        add(name, model);
    }
    let mut palette = scene("troubled").model();
    palette.layer = Some(Layer::Palette("re".into(), 1));
    add("palette", palette);
    for (name, keys) in ON_CALL {
        let mut model = watched(&on_call());
        type_in(&mut model, keys);
        add(name, model);
    }
    add("promote", promote());
    add("merge-restore", merge_restore());
    add("abandon", abandon());
    add("pending", pending());
    add("answered", answered());
    let mut first = scene("healthy").model();
    first.welcome = vec![
        "Enter on a shard: why it moves or not. x: what can be done. ?: every key.".into(),
        "Rings go by themselves to 100 %. One shard will fail: R on it tries again.".into(),
        "Contract waits for you: P on the fleet's row, and a typed name. q leaves.".into(),
    ];
    add("welcome", first);
    add("waiting", Model::new(options(), scene("healthy").now));
    all
}

/// What whoever is on call looks at, and the keys that lead there.
const ON_CALL: [(&str, &str); 5] = [
    ("handover", "7"),
    ("call-whom", "n"),
    ("runbook", "r"),
    ("runbook-failed", "jr"),
    ("runbook-ring", "\tjr]"),
];

/// The bad night, with somebody to call.
pub fn on_call() -> Scene {
    let mut scene = scene("troubled");
    scene.contacts = Contacts {
        owner: Some("team shop-db, pager 4711".into()),
        escalation: Some("head of platform".into()),
    };
    scene
}

/// A promotion that needs no typed name.
fn promote() -> Model {
    let mut model = ready().model();
    on_ring(&mut model, "canary");
    keys(&mut model, "P");
    model
}

fn merge_restore() -> Model {
    let mut restored = scene("finished");
    for (place, shard) in restored.view().shards.into_iter().enumerate() {
        restored.step(Step::CountRestore {
            shard: shard.name,
            exported: 1_183_402,
            down: [12, 1_204][place % 2] * u64::from(place < 2),
        });
    }
    let mut model = restored.model();
    model.pane = Pane::Rings;
    keys(&mut model, "B");
    model
}

/// While aborting, one shard cannot be reached.
fn abandon() -> Model {
    let mut aborting = scene("troubled");
    aborting.by("lee", Scope::Fleet, Event::AbortBegun, "not this week");
    let mut model = aborting.model();
    model.shard = Some(shard("us-07"));
    keys(&mut model, "xN");
    model
}

/// Sent, and not answered yet.
fn pending() -> Model {
    let mut model = typed("healthy", "early", "xp");
    let yes = press(KeyCode::Char('y'));
    key_later(&mut model, yes);
    model
}

fn answered() -> Model {
    let mut model = pending();
    let key = model.pending[0].approved.get().key.clone();
    let answer = Answer::Refused {
        code: "held".into(),
        text: "held by ana".into(),
    };
    let message = Box::new(ServerMessage::Answer { key, answer });
    let now = model.now;
    update(&mut model, Msg::Server(message, now));
    model
}
