//! The flight that the README shows: from the first stage to the last, with
//! the trouble on the way, drawn by the program from scenes.

use crate::hands::{key_later, keys, on_ring};
use crate::scene::{Scene, Step, Steps, opened, press, ring, shard, show};
use crate::screens::{compare, folder};
use pilothouse::base::{Actor, Period, Stop};
use pilothouse::cockpit::theme::{Depth, Library};
use pilothouse::cockpit::{Model, Msg, Pane, shot, update};
use pilothouse::rollout::{Auto, Event, Outcome, Scope};
use pilothouse::wire::{ServerMessage, Sight};
use ratatui::crossterm::event::KeyCode;

const SIZE: (u16, u16) = (120, 40);

/// A scene, the cockpit in front of it, and the frames so far.
struct Flight {
    scene: Scene,
    model: Model,
    frames: Vec<shot::Frame>,
}

impl Flight {
    fn begin() -> Self {
        let scene = opened();
        let mut model = scene.model();
        model.theme = Library::default().load("dark", Depth::True).theme;
        let frames = Vec::new();
        Self {
            scene,
            model,
            frames,
        }
    }

    /// What the screen shows now stays for so many seconds.
    fn show(&mut self, seconds: u64) {
        self.scene.all_read();
        self.keep(seconds);
    }

    /// The same, with the readings as they are.
    fn keep(&mut self, seconds: u64) {
        let seq = self.model.seq + 1;
        show(&mut self.model, seq, &self.scene);
        let buffer = shot::buffer(&self.model, SIZE.0, SIZE.1);
        self.frames.push((buffer, Period::from_ms(seconds * 1_000)));
        // Meanwhile the engine talks, so that there is something to look back on.
        for _ in 0..seconds {
            self.scene.later(1);
            let seq = self.model.seq + 1;
            show(&mut self.model, seq, &self.scene);
        }
    }

    fn early(&mut self, done: [u64; 3]) {
        for (name, rows) in ["eu-05", "eu-06", "eu-07"].into_iter().zip(done) {
            self.scene.measure(name, rows * 1_000, 5_000_000);
        }
    }

    fn broad(&mut self, done: u64) {
        for place in 1..=8 {
            self.scene.measure(
                &format!("us-0{place}"),
                (done + place * 70) * 1_000,
                5_000_000,
            );
        }
    }
}

fn fly() -> Vec<shot::Frame> {
    let mut flight = Flight::begin();
    let by = Actor::person("lee");
    let auto = Some(Auto {
        to: Stop::Shift(100),
        by,
    });
    flight
        .scene
        .by("lee", Scope::Fleet, Event::Automated { auto }, "");
    flight.show(4);
    flight.scene.walk("canary", Stop::Verify);
    flight.scene.walk("early", Stop::Snapshot);
    flight.scene.walk("broad", Stop::Snapshot);
    flight.show(4);
    flight.scene.walk("canary", Stop::Shift(10));
    flight.scene.walk("early", Stop::DualWrite);
    flight.scene.begin("early", Stop::Backfill);
    flight.early([400, 300, 350]);
    flight.show(3);
    flight.early([1_900, 1_600, 1_700]);
    flight.show(3);
    trouble(&mut flight);
    flight.scene.walk("early", Stop::Verify);
    flight.scene.walk("canary", Stop::Shift(100));
    flight.scene.walk("broad", Stop::DualWrite);
    flight.scene.begin("broad", Stop::Backfill);
    for done in [300, 2_100, 4_200] {
        flight.broad(done);
        flight.show(3);
    }
    contract(&mut flight);
    flight.frames
}

/// One shard is throttled, another fails; somebody looks, and retries.
fn trouble(flight: &mut Flight) {
    flight.early([2_300, 2_900, 2_800]);
    flight.scene.all_read();
    flight.scene.throttle("eu-05");
    flight.keep(3);
    flight.model.shard = Some(shard("eu-05"));
    flight.model.pane = Pane::Shards;
    key_later(&mut flight.model, press(KeyCode::Enter));
    let detail = Sight::Shard(Box::new(crate::sights::detail(&flight.scene)));
    let message = Box::new(ServerMessage::Sight(detail));
    update(&mut flight.model, Msg::Server(message, flight.scene.now));
    flight.keep(5);
    key_later(&mut flight.model, press(KeyCode::Esc));
    flight
        .scene
        .observations
        .shard_mut(&shard("eu-05"))
        .throttle
        .clear();
    flight.scene.fail("eu-06");
    flight.show(4);
    on_ring(&mut flight.model, "early");
    keys(&mut flight.model, "R");
    flight.keep(4);
    key_later(&mut flight.model, press(KeyCode::Esc));
    let shards = vec![shard("eu-06")];
    let retried = Event::Retried { shards };
    flight.scene.by(
        "lee",
        Scope::Ring(ring("early")),
        retried,
        "the batch has ended",
    );
    flight.early([4_600, 4_100, 4_900]);
    flight.show(3);
}

/// The last two stops wait for a person, and for a typed name.
fn contract(flight: &mut Flight) {
    for name in ["early", "broad"] {
        flight.scene.walk(name, Stop::Shift(100));
    }
    for name in ["canary", "early", "broad"] {
        let ring = ring(name);
        let lasting = Period::from_ms(3_600_000);
        flight.scene.step(Step::Quiet { ring, lasting });
    }
    flight.scene.later(1_000);
    flight.show(4);
    flight.model.pane = Pane::Rings;
    on_ring(&mut flight.model, "canary");
    keys(&mut flight.model, "P");
    flight.keep(5);
    key_later(&mut flight.model, press(KeyCode::Esc));
    for name in ["canary", "early", "broad"] {
        flight.scene.walk(name, Stop::Drop);
    }
    let outcome = Outcome::Done;
    flight
        .scene
        .by("engine", Scope::Fleet, Event::RolloutEnded { outcome }, "");
    flight.show(5);
}

#[test]
fn the_flight_in_the_readme_is_what_the_program_draws() {
    let frames = fly();
    let lasting: u64 = frames.iter().map(|(_, shown)| shown.ms()).sum();
    assert!(
        (45_000..=75_000).contains(&lasting),
        "about a minute: {lasting} ms"
    );
    let film = shot::film(
        &frames,
        "One migration through three rings, with the trouble on the way",
    );
    assert_eq!(compare(&folder("flight.svg"), &film), None);
}
