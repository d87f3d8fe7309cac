//! What a screen costs with 10,000 shards: `cargo bench --bench frames`.
//!
//! One frame is what the cockpit does between two sleeps: a message of the
//! engine folded (a third of the frames), a key folded, the screen drawn on a
//! buffer. The terminal's own time is not in it. Needs nothing installed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use pilothouse::base::{Actor, Period, Timestamp};
use pilothouse::cockpit::keymap::Keymap;
use pilothouse::cockpit::theme::{Depth, Library};
use pilothouse::cockpit::{GlyphSet, Leaving, Model, Msg, Options, shot, update};
use pilothouse::drill::scene::Scene;
use pilothouse::wire::{
    Delta, FleetView, Locks, ServerMessage, ShardDetail, Sight, SignalView, Stream, diff,
};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::{Duration, Instant};

const FRAMES: u64 = 2_000;
/// Trends go back so far.
const LOOKED_BACK: Period = Period::from_ms(302_000);
const SIZES: [(u16, u16); 2] = [(80, 24), (200, 60)];

fn model(scene: &Scene) -> Model {
    let options = Options {
        actor: Actor::person("lee"),
        session: "bench".into(),
        glyphs: GlyphSet::Unicode,
        depth: Depth::True,
        themes: Library::default(),
        theme: "default".into(),
        keymap: Keymap::default(),
        warnings: Vec::new(),
        leaving: Leaving::StopsTheEngine("the same command goes on from here"),
        welcome: Vec::new(),
    };
    let begun = Timestamp(scene.now.0 - LOOKED_BACK.ms());
    let mut model = Model::new(options, begun);
    let view = Box::new(scene.view());
    let looked = detail(scene, &view);
    let snapshot = Stream::Snapshot {
        seq: 1,
        at: begun,
        view,
    };
    server(&mut model, snapshot, begun);
    // The trends are as long as they get.
    for second in 0..LOOKED_BACK.ms() / 1_000 {
        let at = begun.after(Period::from_ms(second * 1_000));
        server(&mut model, Stream::Heartbeat { seq: 1, at }, at);
    }
    let sight = Box::new(ServerMessage::Sight(Sight::Shard(Box::new(looked))));
    update(&mut model, Msg::Server(sight, scene.now));
    model
}

/// A closer look at the first shard: a dozen signals, and what happened.
fn detail(scene: &Scene, view: &FleetView) -> ShardDetail {
    let signals = (0..12).map(|n| SignalView {
        signal: "replica_lag_ms".into(),
        place: format!("replica {n}"),
        value: Some(n * 100),
        limit: Some(5_000),
        at: scene.now,
    });
    ShardDetail {
        shard: view.shards[0].name.clone(),
        at: scene.now,
        signals: signals.collect(),
        findings: Vec::new(),
        locks: Locks::Seen(Vec::new()),
        events: view.events.clone(),
    }
}

fn server(model: &mut Model, stream: Stream, at: Timestamp) {
    update(
        model,
        Msg::Server(Box::new(ServerMessage::Stream(stream)), at),
    );
}

fn press(model: &mut Model, letter: char, at: Timestamp) {
    let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
    update(model, Msg::Key(key, at));
}

/// What the engine tells ten times a second while 500 shards are at work.
fn moved(view: &mut FleetView, round: u64) -> Delta {
    let before = view.clone();
    let at_work = view.shards.iter_mut().skip(100).take(500);
    for (nth, shard) in (0_u64..).zip(at_work) {
        shard.rows_done += 4_812 + nth;
        shard.rows_per_s = Some(40_000 + (round * 31 + nth) % 9_000);
        if let Some(lag) = &mut shard.lag_ms {
            lag.value = (round * 17 + nth * 7) % 3_000;
        }
    }
    diff(&before, view)
}

struct Kind {
    name: &'static str,
    before: &'static str,
    keys: &'static [char],
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "scrolling",
        before: "",
        keys: &['j', 'j', 'k', 'j'],
    },
    Kind {
        name: "filtered by ring and state",
        before: "/ring:ea !is:done\n",
        keys: &['j', 'k'],
    },
    Kind {
        name: "filter typed and cleared",
        before: "",
        keys: &['/', 'e', 'a', '-', '1', '\n', '\x1b'],
    },
    Kind {
        name: "sorted by lag, scrolling",
        before: "sss",
        keys: &['j', 'k'],
    },
    Kind {
        name: "one shard in detail",
        before: "2",
        keys: &['j', 'k'],
    },
];

fn tap(model: &mut Model, letter: char, at: Timestamp) {
    match letter {
        '\n' => drop(update(model, Msg::Key(KeyCode::Enter.into(), at))),
        '\x1b' => drop(update(model, Msg::Key(KeyCode::Esc.into(), at))),
        letter => press(model, letter, at),
    }
}

fn frames(scene: &Scene, kind: &Kind, size: (u16, u16)) -> Vec<Duration> {
    let mut model = model(scene);
    let mut engine = scene.view();
    for letter in kind.before.chars() {
        tap(&mut model, letter, scene.now);
    }
    let mut seq = 1;
    let mut took = Vec::new();
    for round in 0..FRAMES {
        let at = scene.now.after(Period::from_ms(round * 33));
        let delta = (round % 3 == 0).then(|| moved(&mut engine, round));
        let key = kind.keys[usize::try_from(round).unwrap() % kind.keys.len()];
        let started = Instant::now();
        if let Some(delta) = delta {
            seq += 1;
            let delta = Box::new(delta);
            server(&mut model, Stream::Delta { seq, at, delta }, at);
        }
        tap(&mut model, key, at);
        let buffer = shot::buffer(&model, size.0, size.1);
        took.push(started.elapsed());
        drop(buffer);
    }
    took
}

fn at_percent(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

/// Resident memory of this process, in MiB (Linux).
fn resident_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1_024)
}

fn main() {
    let text = include_str!("../../screenshots/scenarios/ten-thousand.toml");
    let scene = Scene::read(text).expect("the scenario is part of the repository");
    let before = resident_mib();
    let kept = model(&scene);
    let after = resident_mib();
    println!(
        "| frame of {} shards | size | p50 | p99 | worst | goal |",
        scene.view().shards.len()
    );
    println!("|---|---|---|---|---|---|");
    for kind in &KINDS {
        for size in SIZES {
            let mut took = frames(&scene, kind, size);
            took.sort_unstable();
            println!(
                "| {} | {}×{} | {:.2?} | {:.2?} | {:.2?} | p99 ≤ 4 ms |",
                kind.name,
                size.0,
                size.1,
                at_percent(&took, 50),
                at_percent(&took, 99),
                took[took.len() - 1],
            );
        }
    }
    if let (Some(before), Some(after)) = (before, after) {
        println!(
            "\nOne cockpit's model of the fleet, with its trends: {} MiB of resident memory",
            after.saturating_sub(before)
        );
    }
    drop(kept);
}
