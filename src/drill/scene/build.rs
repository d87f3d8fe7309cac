//! Plays the steps of a scenario.

use super::step::Act;
use super::{Scene, SceneError, Step};
use crate::base::{Actor, Cause, Digest, Period, RingName, ShardName, Stop, Timestamp};
use crate::rollout::{
    Auto, Event, Evidence, Fact, OldForm, Reading, Restored, Rollout, Scope, ThrottleReason, apply,
};
use crate::wire::{CheckCount, Rate, RestoreCount, ShardTelemetry};
use crate::worker::WaitReason;

/// A reading in a scene is this old.
const READ_AGO: Period = Period::from_ms(400);

/// What a stop takes in a scene.
const STOP_TAKES: Period = Period::from_ms(2_000);

impl Scene {
    /// Lets a step happen.
    ///
    /// # Errors
    /// It names a ring or a shard that is not there.
    pub fn play(&mut self, step: Step) -> Result<(), SceneError> {
        match step {
            Step::Later(period) => self.now = self.now.after(period),
            Step::Walk { ring, to } => self.walk(&ring, to)?,
            Step::Begin { ring, stop } => self.begin(&ring, stop)?,
            Step::Finish { shard, stop } => self.finish(&shard, stop),
            Step::Automate { by, to } => {
                let actor = Actor::person(by.as_str());
                let auto = to.map(|to| Auto { to, by: actor });
                self.by(&by, Scope::Fleet, Event::Automated { auto }, "");
            }
            Step::Hold(act) => self.act(act, Event::Held),
            Step::Pause(act) => self.act(act, Event::Paused),
            Step::RollBack { act, shards, to } => {
                self.act(act, Event::RollbackBegun { to, shards });
            }
            Step::Fail { shard, fault } => {
                self.by(
                    "engine",
                    Scope::Shard(shard),
                    Event::ShardFailed { fault },
                    "",
                );
            }
            Step::ReadAll {} => self.read_all(),
            Step::Lag { shard, lag_ms } => self.lag(&shard, lag_ms),
            Step::Throttle {
                shard,
                place,
                lag_ms,
                limit_ms,
                lasting,
            } => {
                let reason = ThrottleReason {
                    signal: "replica_lag_ms".into(),
                    place,
                    value: Some(lag_ms),
                    limit: limit_ms,
                    since: self.before(lasting),
                };
                self.throttle(&shard, reason);
            }
            Step::Quiet { ring, lasting } => self.quiet(&ring, lasting)?,
            Step::Unreachable { shard, lasting } => {
                let since = Some(self.before(lasting));
                self.observations.shard_mut(&shard).unreachable_since = since;
            }
            Step::Measure {
                shard,
                rows_done,
                rows_total,
                rows_per_s,
            } => self.measure(shard, (rows_done, rows_total), rows_per_s),
            Step::CountRestore {
                shard,
                exported,
                down,
            } => {
                let (restored, at) = (Restored { exported, down }, self.now);
                let count = RestoreCount::Counted { restored, at };
                self.telemetry.restore.insert(shard, count);
            }
            Step::End(outcome) => {
                self.by("engine", Scope::Fleet, Event::RolloutEnded { outcome }, "");
            }
        }
        Ok(())
    }

    /// Somebody's act becomes a fact.
    pub fn by(&mut self, who: &str, scope: Scope, event: Event, reason: &str) {
        let (actor, cause) = match who {
            "engine" => (Actor::engine(), Cause::Reconcile),
            name => (Actor::person(name), Cause::Operator),
        };
        self.fact(Fact {
            at: self.now,
            actor,
            scope,
            cause,
            key: None,
            reason: reason.into(),
            event,
        });
    }

    /// A fact is folded and numbered.
    pub fn fact(&mut self, fact: Fact) {
        apply(&mut self.state, &fact);
        self.facts.push((self.facts.len() as u64 + 1, fact));
    }

    /// The shards of a ring.
    ///
    /// # Errors
    /// There is no such ring.
    pub fn shards_of(&self, ring: &RingName) -> Result<Vec<ShardName>, SceneError> {
        let unknown = || SceneError::Unknown(format!("ring {ring}"));
        let state = self.rollout()?.rings.get(ring).ok_or_else(unknown)?;
        Ok(state.shards.clone())
    }

    fn rollout(&self) -> Result<&Rollout, SceneError> {
        let unknown = || SceneError::Unknown("rollout".into());
        self.state.rollout.as_ref().ok_or_else(unknown)
    }

    fn before(&self, period: Period) -> Timestamp {
        Timestamp(self.now.0.saturating_sub(period.ms()))
    }

    fn act(&mut self, act: Act, event: Event) {
        self.by(&act.by, act.scope, event, &act.why);
    }

    fn begin(&mut self, ring: &RingName, stop: Stop) -> Result<(), SceneError> {
        let shards = self.shards_of(ring)?;
        let admitted = Event::RingAdmitted {
            ring: ring.clone(),
            stop,
            readings: Vec::new(),
        };
        self.by("engine", Scope::Ring(ring.clone()), admitted, "");
        let begun = Event::StageBegun {
            stop,
            shards,
            plan_digest: Digest::ZERO,
            shard_set_digest: Digest::ZERO,
        };
        self.by("engine", Scope::Fleet, begun, "");
        Ok(())
    }

    fn walk(&mut self, ring: &RingName, to: Stop) -> Result<(), SceneError> {
        let shards = self.shards_of(ring)?;
        let rollout = self.rollout()?;
        let from = rollout.rings.get(ring).and_then(|r| rollout.ring_stop(r));
        let first = rollout.opening.route.first().copied();
        let ahead = |stop: &Stop| (from == first || Some(*stop) > from) && *stop <= to;
        let stops: Vec<Stop> = rollout
            .opening
            .route
            .iter()
            .copied()
            .filter(ahead)
            .collect();
        for stop in stops {
            self.begin(ring, stop)?;
            self.now = self.now.after(STOP_TAKES);
            for shard in &shards {
                self.finish(shard, stop);
            }
        }
        Ok(())
    }

    fn finish(&mut self, shard: &ShardName, stop: Stop) {
        let done = Event::StageDone {
            stop,
            generation: 1,
            evidence: Evidence {
                rows: 1_500_000,
                ..Evidence::default()
            },
        };
        self.by("engine", Scope::Shard(shard.clone()), done, "");
        if let Stop::Shift(percent) = stop {
            let clients = 4;
            let seen = Event::ShareSeen { percent, clients };
            self.by("engine", Scope::Shard(shard.clone()), seen, "");
        }
    }

    fn lag(&mut self, shard: &ShardName, value: u64) {
        let at = self.before(READ_AGO);
        let seen = self.observations.shard_mut(shard);
        let reading = Reading { value, at };
        seen.signals.insert("replica_lag_ms".into(), reading);
        seen.throttle_read_at = Some(at);
    }

    fn read_all(&mut self) {
        let rollout = self.state.rollout.as_ref();
        let shards = rollout.into_iter().flat_map(|r| &r.shards);
        let shards: Vec<(ShardName, String)> = shards
            .map(|(name, shard)| (name.clone(), shard.instance.clone()))
            .collect();
        for (place, (name, instance)) in shards.iter().enumerate() {
            self.lag(name, 100 + place as u64 % 40 * 20);
            let server = format!("PostgreSQL 16.4 {instance}:5432");
            self.observations.shard_mut(name).server = Some(server);
        }
    }

    fn throttle(&mut self, shard: &ShardName, reason: ThrottleReason) {
        self.lag(shard, reason.value.unwrap_or_default());
        self.observations.shard_mut(shard).throttle = vec![reason];
        if let Some(measured) = self.telemetry.shards.get_mut(shard) {
            measured.wait = Some(WaitReason::Throttled);
            measured.throttled_percent = Some(62);
        }
    }

    fn quiet(&mut self, ring: &RingName, lasting: Period) -> Result<(), SceneError> {
        let quiet_since = self.before(lasting);
        let read_at = self.now;
        for shard in self.shards_of(ring)? {
            self.observations.shard_mut(&shard).old_form = Some(OldForm {
                count: 7,
                quiet_since,
                read_at,
                writers: String::new(),
            });
        }
        Ok(())
    }

    fn measure(&mut self, shard: ShardName, (done, total): (u64, u64), rows_per_s: u64) {
        let at = self.now;
        let measured = ShardTelemetry {
            at,
            moved_at: at,
            step: "backfill customers.email_v2".into(),
            step_since: at,
            step_ms: None,
            progress: None,
            rows_done: done,
            rows_total: Some(total),
            chunk_rows: Some(4_812),
            chunk_ms_p50: Some(204),
            chunk_ms_p90: Some(248),
            rate: Some(Rate {
                rows_per_s,
                rows_per_s_low: rows_per_s * 3 / 4,
                rows_per_s_high: rows_per_s * 5 / 4,
            }),
            throttled_percent: Some(0),
            wait: None,
            flag_seen: None,
            checks: Some(CheckCount {
                passed: 3,
                total: 3,
                at,
            }),
        };
        self.telemetry.shards.insert(shard, measured);
    }
}
