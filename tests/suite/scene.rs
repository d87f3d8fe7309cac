//! Fleets in known states at a fixed moment, for screens and streams: the
//! program's own scenes, in the words of a test.

use pilothouse::base::Actor;
use pilothouse::base::{Fault, Period, RingName, ShardName, Stop};
use pilothouse::cockpit::keymap::Keymap;
use pilothouse::cockpit::theme::{Depth, Library};
use pilothouse::cockpit::{Effect, GlyphSet, Leaving, Model, Msg, Options, update, view};
pub use pilothouse::drill::scene::{Scene, Step};
use pilothouse::rollout::{Auto, Event, Outcome, Scope};
use pilothouse::wire::{ServerMessage, Stream};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

pub fn ring(name: &str) -> RingName {
    RingName::new(name).unwrap()
}

pub fn shard(name: &str) -> ShardName {
    ShardName::new(name).unwrap()
}

/// Three rings, twelve shards, just opened.
pub fn opened() -> Scene {
    let healthy = include_str!("../../screenshots/scenarios/healthy.toml");
    let (before, _) = healthy.split_once("[[step]]").unwrap();
    Scene::read(before).unwrap()
}

/// Steps of a scenario, as short as a test wants them.
pub trait Steps {
    fn step(&mut self, step: Step);

    fn later(&mut self, seconds: u64) {
        self.step(Step::Later(Period::from_ms(seconds * 1_000)));
    }

    fn begin(&mut self, name: &str, stop: Stop) {
        let ring = ring(name);
        self.step(Step::Begin { ring, stop });
    }

    /// The ring finishes every stop up to and with `to`.
    fn walk(&mut self, name: &str, to: Stop) {
        let ring = ring(name);
        self.step(Step::Walk { ring, to });
    }

    fn done(&mut self, name: &str, stop: Stop) {
        let shard = shard(name);
        self.step(Step::Finish { shard, stop });
    }

    fn all_read(&mut self) {
        self.step(Step::ReadAll {});
    }

    fn measure(&mut self, name: &str, rows_done: u64, rows_total: u64) {
        self.step(Step::Measure {
            shard: shard(name),
            rows_done,
            rows_total,
            rows_per_s: 41_200,
        });
    }

    fn throttle(&mut self, name: &str) {
        self.step(Step::Throttle {
            shard: shard(name),
            place: format!("{name}-r2"),
            lag_ms: 6_100,
            limit_ms: 5_000,
            lasting: Period::from_ms(240_000),
        });
    }

    fn fail(&mut self, name: &str) {
        let fault = Fault {
            code: "55P03".into(),
            what: "lock not available on \u{1b}[31mcustomers".into(),
            place: format!("{name}, step expand 2"),
            why: Some("pid 4711 (batch) holds it".into()),
            did: "rolled the step back".into(),
            can: "end pid 4711, then retry".into(),
        };
        let shard = shard(name);
        self.step(Step::Fail { shard, fault });
    }

    fn model(&self) -> Model;
}

impl Steps for Scene {
    fn step(&mut self, step: Step) {
        self.play(step).unwrap();
    }

    fn model(&self) -> Model {
        let mut model = Model::new(options(), self.now);
        show(&mut model, 1, self);
        model
    }
}

/// A new snapshot of the scene.
pub fn show(model: &mut Model, seq: u64, scene: &Scene) -> Vec<Effect> {
    let snapshot = Stream::Snapshot {
        seq,
        at: scene.now,
        view: Box::new(scene.view()),
    };
    let message = Box::new(ServerMessage::Stream(snapshot));
    update(model, Msg::Server(message, scene.now))
}

pub fn options() -> Options {
    Options {
        actor: Actor::person("lee"),
        session: "test".into(),
        glyphs: GlyphSet::Unicode,
        depth: Depth::Sixteen,
        themes: Library::default(),
        theme: "default".into(),
        keymap: Keymap::default(),
        warnings: Vec::new(),
        leaving: Leaving::StopsTheEngine("the same command goes on from here"),
        welcome: Vec::new(),
    }
}

/// Canary shifts, early backfills, broad waits for its turn.
pub fn healthy() -> Scene {
    let mut scene = opened();
    let auto = Auto {
        to: Stop::Shift(100),
        by: Actor::person("lee"),
    };
    scene.by(
        "lee",
        Scope::Fleet,
        Event::Automated { auto: Some(auto) },
        "",
    );
    scene.walk("canary", Stop::Verify);
    scene.walk("early", Stop::DualWrite);
    scene.walk("broad", Stop::Snapshot);
    scene.later(930);
    scene.walk("canary", Stop::Shift(10));
    scene.begin("early", Stop::Backfill);
    scene.later(108);
    scene.all_read();
    scene.measure("eu-05", 3_700_000, 5_000_000);
    scene.measure("eu-06", 4_100_000, 5_000_000);
    scene.measure("eu-07", 900_000, 4_200_000);
    scene
}

/// Canary held, early throttled and failed, broad paused.
pub fn troubled() -> Scene {
    let mut scene = healthy();
    scene.by("engine", Scope::Fleet, Event::Automated { auto: None }, "");
    scene.by(
        "ana",
        Scope::Ring(ring("canary")),
        Event::Held,
        "support sees odd mails",
    );
    scene.begin("broad", Stop::Expand);
    scene.by(
        "lee",
        Scope::Ring(ring("broad")),
        Event::Paused,
        "deploy under way",
    );
    scene.fail("eu-06");
    scene.later(240);
    scene.all_read();
    scene.throttle("eu-05");
    scene
}

/// Everything is done.
pub fn finished() -> Scene {
    let mut scene = opened();
    for name in ["canary", "early", "broad"] {
        scene.walk(name, Stop::Drop);
    }
    let ended = Event::RolloutEnded {
        outcome: Outcome::Done,
    };
    scene.by("engine", Scope::Fleet, ended, "");
    scene.all_read();
    scene
}

/// Canary is done with preflight and may be promoted by hand.
pub fn ready() -> Scene {
    let mut scene = opened();
    scene.walk("canary", Stop::Verify);
    scene.later(60);
    scene.all_read();
    scene
}

/// The screen as text, without trailing blanks.
pub fn screen(model: &Model, wide: u16, high: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(wide, high)).unwrap();
    terminal.draw(|frame| view(model, frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let mut out = String::new();
    for y in 0..high {
        let line: String = (0..wide).map(|x| buffer[(x, y)].symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

pub fn press(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

pub fn letter(c: char) -> KeyEvent {
    press(KeyCode::Char(c))
}
