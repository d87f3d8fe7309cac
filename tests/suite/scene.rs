//! Fleets in known states at a fixed moment, for screens and streams.

use pilothouse::base::{
    Actor, Cause, Digest, Fault, Period, RingName, ShardName, Stage, Stop, Timestamp,
};
use pilothouse::cockpit::{GlyphSet, Model, Msg, Options, Palette, update, view};
use pilothouse::fleet::Policy;
use pilothouse::rollout::{
    Auto, Event, Evidence, Fact, Member, Observations, Opening, Outcome, Reading, Scope, State,
    ThrottleReason, apply,
};
use pilothouse::wire::{
    CheckCount, FleetView, Head, Identity, Rate, ServerMessage, ShardTelemetry, Source, Stream,
    Telemetry, project,
};
use pilothouse::worker::WaitReason;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// 2026-11-21 14:00:00 UTC.
pub const START: Timestamp = Timestamp(1_795_269_600_000);

pub fn ring(name: &str) -> RingName {
    RingName::new(name).unwrap()
}

pub fn shard(name: &str) -> ShardName {
    ShardName::new(name).unwrap()
}

/// A fleet and what is known of it.
#[derive(Clone, Debug)]
pub struct Scene {
    pub state: State,
    pub observations: Observations,
    pub telemetry: Telemetry,
    pub facts: Vec<(u64, Fact)>,
    pub now: Timestamp,
}

impl Scene {
    /// Three rings, twelve shards, just opened.
    pub fn opened() -> Self {
        let members = |names: &[&str]| -> Vec<Member> {
            let member = |(place, name): (usize, &&str)| Member {
                shard: shard(name),
                instance: format!("db-{}", place % 4),
            };
            names.iter().enumerate().map(member).collect()
        };
        let broad = [
            "us-01", "us-02", "us-03", "us-04", "us-05", "us-06", "us-07", "us-08",
        ];
        let opening = Opening {
            id: "r-0042".into(),
            migration: pilothouse::base::MigrationName::new("customers-email-v2").unwrap(),
            plan_digest: Digest::of("test", &[b"plan"]),
            shard_set_digest: Digest::of("test", &[b"set"]),
            policy: Policy {
                after: Stage::Verify,
                soak: Period::from_ms(900_000),
                shift_steps: vec![10, 50, 100],
                shift_soak: Period::from_ms(300_000),
                max_failed_shards: 2,
                verify_age_max: Period::from_ms(3_600_000),
                quiet: Period::from_ms(600_000),
                attempts_max: 5,
                approvals: Default::default(),
            },
            guards: Vec::new(),
            route: vec![
                Stop::Preflight,
                Stop::Snapshot,
                Stop::Expand,
                Stop::DualWrite,
                Stop::Backfill,
                Stop::Verify,
                Stop::Shift(10),
                Stop::Shift(50),
                Stop::Shift(100),
                Stop::Retire,
                Stop::Drop,
            ],
            rings: vec![
                (ring("canary"), members(&["eu-01"])),
                (ring("early"), members(&["eu-05", "eu-06", "eu-07"])),
                (ring("broad"), members(&broad)),
            ],
            instance_caps: Default::default(),
            production: true,
        };
        let mut scene = Self {
            state: State::default(),
            observations: Observations::default(),
            telemetry: Telemetry::default(),
            facts: Vec::new(),
            now: START,
        };
        scene.by(
            "lee",
            Scope::Fleet,
            Event::RolloutOpened(Box::new(opening)),
            "",
        );
        scene
    }

    pub fn later(&mut self, seconds: u64) {
        self.now = self.now.after(Period::from_ms(seconds * 1_000));
    }

    pub fn by(&mut self, who: &str, scope: Scope, event: Event, reason: &str) {
        let engine = who == "engine";
        self.fact(Fact {
            at: self.now,
            actor: if engine {
                Actor::engine()
            } else {
                Actor::person(who)
            },
            scope,
            cause: if engine {
                Cause::Reconcile
            } else {
                Cause::Operator
            },
            key: None,
            reason: reason.into(),
            event,
        });
    }

    pub fn fact(&mut self, fact: Fact) {
        apply(&mut self.state, &fact);
        self.facts.push((self.facts.len() as u64 + 1, fact));
    }

    pub fn shards_of(&self, name: &str) -> Vec<ShardName> {
        let rollout = self.state.rollout.as_ref().unwrap();
        rollout.rings[&ring(name)].shards.clone()
    }

    pub fn begin(&mut self, name: &str, stop: Stop) {
        let admitted = Event::RingAdmitted {
            ring: ring(name),
            stop,
            readings: Vec::new(),
        };
        self.by("engine", Scope::Ring(ring(name)), admitted, "");
        let begun = Event::StageBegun {
            stop,
            shards: self.shards_of(name),
            plan_digest: Digest::ZERO,
            shard_set_digest: Digest::ZERO,
        };
        self.by("engine", Scope::Fleet, begun, "");
    }

    pub fn done(&mut self, name: &str, stop: Stop) {
        let event = Event::StageDone {
            stop,
            generation: 1,
            evidence: Evidence {
                rows: 1_500_000,
                ..Evidence::default()
            },
        };
        self.by("engine", Scope::Shard(shard(name)), event, "");
    }

    /// The ring finishes every stop up to and with `to`.
    pub fn walk(&mut self, name: &str, to: Stop) {
        let rollout = self.state.rollout.as_ref().unwrap();
        let from = rollout.ring_stop(&rollout.rings[&ring(name)]).unwrap();
        let first = from == Stop::Preflight;
        let stops: Vec<Stop> = rollout.opening.route.clone();
        for stop in stops
            .into_iter()
            .filter(|s| (first || *s > from) && *s <= to)
        {
            self.begin(name, stop);
            self.later(2);
            for member in self.shards_of(name) {
                self.done(member.as_str(), stop);
                if let Stop::Shift(percent) = stop {
                    let seen = Event::ShareSeen {
                        percent,
                        clients: 4,
                    };
                    self.by("engine", Scope::Shard(member), seen, "");
                }
            }
        }
    }

    pub fn lag(&mut self, name: &str, ms: u64) {
        let at = Timestamp(self.now.0 - 400);
        let seen = self.observations.shard_mut(&shard(name));
        seen.signals
            .insert("replica_lag_ms".into(), Reading { value: ms, at });
        seen.throttle_read_at = Some(at);
    }

    pub fn all_read(&mut self) {
        let names: Vec<ShardName> = self
            .state
            .rollout
            .as_ref()
            .unwrap()
            .shards
            .keys()
            .cloned()
            .collect();
        for (place, name) in names.iter().enumerate() {
            self.lag(name.as_str(), 100 + place as u64 * 20);
        }
    }

    pub fn measure(&mut self, name: &str, done: u64, total: u64) {
        let measured = ShardTelemetry {
            at: self.now,
            step: "backfill customers.email_v2".into(),
            rows_done: done,
            rows_total: Some(total),
            chunk_rows: Some(4_812),
            chunk_ms_p50: Some(204),
            chunk_ms_p90: Some(248),
            rate: Some(Rate {
                rows_per_s: 41_200,
                rows_per_s_low: 30_000,
                rows_per_s_high: 50_000,
            }),
            throttled_percent: Some(0),
            wait: None,
            checks: Some(CheckCount {
                passed: 3,
                total: 3,
                at: self.now,
            }),
        };
        self.telemetry.shards.insert(shard(name), measured);
    }

    pub fn throttle(&mut self, name: &str) {
        let since = Timestamp(self.now.0 - 240_000);
        self.lag(name, 6_100);
        self.observations.shard_mut(&shard(name)).throttle = vec![ThrottleReason {
            signal: "replica_lag_ms".into(),
            place: format!("{name}-r2"),
            value: Some(6_100),
            limit: 5_000,
            since,
        }];
        let measured = self.telemetry.shards.get_mut(&shard(name)).unwrap();
        measured.wait = Some(WaitReason::Throttled);
        measured.throttled_percent = Some(62);
    }

    pub fn fail(&mut self, name: &str) {
        let fault = Fault {
            code: "55P03".into(),
            what: "lock not available on \u{1b}[31mcustomers".into(),
            place: format!("{name}, step expand 2"),
            why: Some("pid 4711 (batch) holds it".into()),
            did: "rolled the step back".into(),
            can: "end pid 4711, then retry".into(),
        };
        let event = Event::ShardFailed { fault };
        self.by("engine", Scope::Shard(shard(name)), event, "");
    }

    pub fn view(&self) -> FleetView {
        let identity = Identity {
            fleet: "shop".into(),
            environment: "prod-eu".into(),
            production: true,
        };
        let head = Head {
            seq: self.facts.len() as u64,
            hash: "5b1c09aa".into(),
        };
        let source = Source {
            identity: &identity,
            state: &self.state,
            observations: &self.observations,
            telemetry: &self.telemetry,
            recent: &self.facts,
            head: Some(&head),
            journal_trouble: None,
        };
        project(&source, self.now)
    }

    pub fn model(&self) -> Model {
        let mut model = Model::new(options(), self.now);
        show(&mut model, 1, self);
        model
    }
}

/// A new snapshot of the scene.
pub fn show(model: &mut Model, seq: u64, scene: &Scene) {
    let snapshot = Stream::Snapshot {
        seq,
        at: scene.now,
        view: Box::new(scene.view()),
    };
    let message = Box::new(ServerMessage::Stream(snapshot));
    update(model, Msg::Server(message, scene.now));
}

pub fn options() -> Options {
    Options {
        actor: Actor::person("lee"),
        session: "test".into(),
        glyphs: GlyphSet::Unicode,
        palette: Palette::Sixteen,
    }
}

/// Canary shifts, early backfills, broad waits for its turn.
pub fn healthy() -> Scene {
    let mut scene = Scene::opened();
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
    let mut scene = Scene::opened();
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
    let mut scene = Scene::opened();
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
