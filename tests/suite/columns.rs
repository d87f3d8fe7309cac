//! The table of shards: every column where its head is, at every width; and
//! every state known by its mark alone.

use crate::scene::{Steps, healthy, screen, troubled};
use pilothouse::cockpit::theme::Depth;
use pilothouse::cockpit::{GlyphSet, Model, Msg, update};
use pilothouse::drill::scene::Scene;
use pilothouse::wire::{Progress, Reading, ServerMessage, Sign, Stream};
use std::collections::BTreeSet;

const SIGNS: [Sign; 11] = [
    Sign::NotYet,
    Sign::Running,
    Sign::Partly,
    Sign::Done,
    Sign::NeedsHuman,
    Sign::Held,
    Sign::Paused,
    Sign::Throttled,
    Sign::Failed,
    Sign::Unknown,
    Sign::RolledBack,
];

/// The cells of a line, from one column to another.
fn cut(line: &str, from: usize, until: usize) -> String {
    line.chars().skip(from).take(until - from).collect()
}

/// A fleet whose every cell is as long as it can be.
fn crowded() -> Model {
    let scene = troubled();
    let mut view = scene.view();
    for shard in &mut view.shards {
        shard.rows_per_s = Some(999_949_999);
        shard.throttled.percent = Some(100);
        shard.progress = Progress::Percent(100);
        shard.share_percent = 100;
        shard.lag_ms = Some(Reading {
            value: 86_399_999,
            at: scene.now,
        });
        shard.checks = Some(pilothouse::wire::CheckCount {
            passed: 99,
            total: 100,
            at: scene.now,
        });
    }
    let mut model = scene.model();
    let (seq, at, view) = (model.seq + 1, scene.now, Box::new(view));
    let message = Box::new(ServerMessage::Stream(Stream::Snapshot { seq, at, view }));
    update(&mut model, Msg::Server(message, at));
    model
}

#[test]
fn every_cell_stays_in_its_column_at_every_width() {
    for model in [crowded(), troubled().model(), healthy().model()] {
        for wide in 60..=220_u16 {
            for high in [24, 40] {
                columns_are_kept(&screen(&model, wide, high), wide);
            }
        }
    }
}

fn columns_are_kept(text: &str, wide: u16) {
    let lines: Vec<&str> = text.lines().collect();
    let head = lines
        .iter()
        .position(|l| l.starts_with("    SHARD"))
        .unwrap();
    let head_line = lines[head];
    // Where each column begins, by its head.
    let mut begins = Vec::new();
    let mut before = ' ';
    for (place, letter) in head_line.chars().enumerate() {
        // "WAY BACK" is one head.
        if letter != ' ' && before == ' ' && !cut(head_line, place, place + 4).starts_with("BACK") {
            begins.push(place);
        }
        before = letter;
    }
    let rows = lines[head + 1..]
        .iter()
        .take_while(|l| l.trim_start().len() > 20);
    let mut seen = 0;
    for row in rows.filter(|r| r.contains("-0")) {
        seen += 1;
        for begin in &begins {
            let gap = cut(row, begin - 1, *begin);
            assert!(
                gap == " " || gap.is_empty(),
                "{wide} wide: {row:?} under {head_line:?}"
            );
        }
        let name = cut(row, begins[0], begins[1]);
        assert_eq!(name.trim().len(), 5, "{wide} wide: {row:?}");
    }
    assert!(seen >= 3, "{text}");
}

#[test]
fn every_state_has_a_mark_of_its_own_without_colour_in_both_sets() {
    for glyphs in [GlyphSet::Unicode, GlyphSet::Ascii] {
        let mut marks = BTreeSet::new();
        for sign in SIGNS {
            let scene = healthy();
            let mut view = scene.view();
            view.shards[3].standing.sign = sign;
            let mut model = scene.model();
            model.options.glyphs = glyphs;
            model.theme = model.options.themes.load("no-colour", Depth::Plain).theme;
            let (seq, at, view) = (model.seq + 1, scene.now, Box::new(view));
            let message = Box::new(ServerMessage::Stream(Stream::Snapshot { seq, at, view }));
            update(&mut model, Msg::Server(message, at));
            let text = screen(&model, 120, 40);
            let row = text.lines().find(|l| l.contains(" eu-07 ")).unwrap();
            marks.insert(row.chars().nth(2).unwrap());
        }
        assert_eq!(marks.len(), SIGNS.len(), "{marks:?}");
    }
}

/// A replica that nobody sees may be the worst of them.
#[test]
fn a_lag_with_unseen_replicas_is_never_shown_as_good() {
    let mut scene = healthy();
    let name = crate::scene::shard("eu-07");
    let row = |scene: &Scene| {
        let text = screen(&scene.model(), 120, 40);
        let row = text.lines().find(|l| l.contains("eu-07 ")).unwrap();
        row.to_owned()
    };
    assert!(row(&scene).contains("ms ✓"), "{}", row(&scene));
    let seen = scene.observations.shard_mut(&name);
    seen.unseen.insert("replica_lag_ms".into(), 2);
    assert!(row(&scene).contains("ms ?"), "{}", row(&scene));
    let seen = scene.observations.shard_mut(&name);
    seen.signals.clear();
    assert!(row(&scene).contains("2 unseen"), "{}", row(&scene));
}
