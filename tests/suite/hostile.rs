//! Whatever stands in a name, an error or a reason: no cell of any screen
//! holds what could drive a terminal.

use crate::hands::keys;
use crate::scene::{options, troubled};
use crate::sights::detail;
use pilothouse::cockpit::{Model, Msg, shot, update};
use pilothouse::wire::{FleetView, ServerMessage, ShardDetail, Sight, Stream};
use proptest::prelude::*;
use serde_json::Value;

/// Fields whose text comes from outside: databases, peers, people.
const FREE: [&str; 20] = [
    "word", "cause", "by", "clears", "next", "now", "instance", "what", "why", "text", "actor",
    "reason", "place", "who", "query", "value", "limit", "remedy", "step", "message",
];

/// Puts texts into all such fields, one after the other.
fn poison(json: &mut Value, texts: &mut impl Iterator<Item = String>) {
    match json {
        Value::Object(fields) => {
            // Of a standing they are sentences, elsewhere they are words of ours.
            let standing = fields.contains_key("clears");
            for (name, field) in fields {
                match field {
                    Value::String(text)
                        if FREE.contains(&name.as_str())
                            && (standing || !["cause", "next"].contains(&name.as_str())) =>
                    {
                        text.clone_from(&texts.next().unwrap());
                    }
                    other => poison(other, texts),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, texts)),
        _ => {}
    }
}

/// What no cell may hold: controls, and what turns the writing round.
fn drives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn hostile() -> impl Strategy<Value = String> {
    let evil = prop::sample::select(vec![
        "\u{1b}]0;owned\u{7}",
        "\u{1b}]52;c;b3duZWQ=\u{7}",
        "\u{1b}[?1049l",
        "\u{9b}2J",
        "\u{202e}",
        "\r\n",
        "\u{0}",
        "漢字\u{300}\u{200d}",
    ]);
    prop_oneof![
        any::<String>(),
        (any::<String>(), evil, any::<String>()).prop_map(|(a, b, c)| format!("{a}{b}{c}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_text_from_outside_reaches_the_terminal_as_it_came(
        texts in prop::collection::vec(hostile(), 1..12),
        wide in 40..200u16,
        high in 10..60u16,
    ) {
        let scene = troubled();
        let mut texts = texts.iter().cycle().cloned();
        let mut view = serde_json::to_value(scene.view()).unwrap();
        poison(&mut view, &mut texts);
        let view: FleetView = serde_json::from_value(view).unwrap();
        let mut looked = serde_json::to_value(detail(&scene)).unwrap();
        poison(&mut looked, &mut texts);
        let looked: ShardDetail = serde_json::from_value(looked).unwrap();
        let mut model = Model::new(options(), scene.now);
        for message in [
            ServerMessage::Stream(Stream::Snapshot { seq: 1, at: scene.now, view: Box::new(view) }),
            ServerMessage::Sight(Sight::Shard(Box::new(looked))),
        ] {
            update(&mut model, Msg::Server(Box::new(message), scene.now));
        }
        model.shard = Some(crate::scene::shard("eu-05"));
        for typed in ["", "n", "x", "2", "4", "5", "1P", "xA", "xp"] {
            let mut model = model.clone();
            keys(&mut model, typed);
            let buffer = shot::buffer(&model, wide, high);
            let found = buffer.content.iter().find(|cell| cell.symbol().chars().any(drives));
            prop_assert!(found.is_none(), "{typed}: {:?}", found);
            // What is drawn as a picture is well formed too.
            prop_assert!(!shot::svg(&buffer, "hostile").chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}

/// The text library drops what cannot be drawn. What is merely dropped makes one
/// text look like another, so ours is shown as what it is.
#[test]
fn what_cannot_be_drawn_is_spelled_out() {
    let scene = troubled();
    let mut view = serde_json::to_value(scene.view()).unwrap();
    let evil = "\u{1b}[2J \u{202e}x".to_owned();
    poison(&mut view, &mut std::iter::repeat(evil));
    let mut model = Model::new(options(), scene.now);
    let snapshot = Stream::Snapshot {
        seq: 1,
        at: scene.now,
        view: Box::new(serde_json::from_value(view).unwrap()),
    };
    let message = Box::new(ServerMessage::Stream(snapshot));
    update(&mut model, Msg::Server(message, scene.now));
    let text = crate::scene::screen(&model, 200, 60);
    let shown = text.matches("\\u{1b}[2J").count();
    assert!(shown > 3, "{text}");
    assert_eq!(text.matches("[2J").count(), shown, "{text}");
}
