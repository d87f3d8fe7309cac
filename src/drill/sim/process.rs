//! Engine processes: started, killed, replaced; and what they measure.

use super::engine::Engine;
use super::fault::FaultKind;
use super::world::{Happening, World};
use crate::base::{Stop, Timestamp};
use crate::rollout::{self, Event, Observations, OldForm, Reading, ThrottleReason, watch_guards};
use std::collections::BTreeMap;

const POLL_MS: u64 = 1_000;

impl World {
    pub(super) fn start_engine(&mut self) {
        let id = self.engines_started;
        self.engines_started += 1;
        self.journal.owner = id;
        let engine = Engine {
            state: self.journal.replay(),
            seen: Observations::default(),
            jobs: BTreeMap::new(),
            epochs: BTreeMap::new(),
            clock_offset_ms: 0,
            reconciles: false,
            wakes_at_ms: None,
            frozen_until_ms: 0,
        };
        self.engines.insert(id, engine);
        self.note(|| format!("engine {id} starts"));
        self.poll(id);
    }

    pub(super) fn crash_engine(&mut self, id: u32) {
        let Some(engine) = self.engines.remove(&id) else {
            return;
        };
        self.note(|| format!("engine {id} dies"));
        self.mark("engine kills");
        if self.journal.owner == id {
            if self.journal.replay() != engine.state {
                self.violated("replay", "the journal folds to another state".into());
            }
            let started = self.engines_started;
            let pause = self.dice.between(20, 2_000);
            self.after(pause, Happening::EngineStart(started));
        }
    }

    /// Reads the signals of every shard.
    pub(super) fn poll(&mut self, id: u32) {
        let now = self.moment(id);
        let guards = self.shape.opening.guards.clone();
        let Some(engine) = self.engines.get_mut(&id) else {
            return;
        };
        for (site, name) in self.sites.iter().zip(&self.shape.shards) {
            let answers = site.up && site.frozen_until_ms <= self.now_ms;
            let value = (answers && !site.blind).then_some(if site.lags { 60_000 } else { 20 });
            let seen = engine.seen.shard_mut(name);
            seen.throttle_read_at = Some(now);
            seen.old_form = Some(quiet_since_the_beginning(now));
            seen.unreachable_since = match (answers, seen.unreachable_since) {
                (true, _) => None,
                (false, since) => since.or(Some(now)),
            };
            seen.throttle.clear();
            if value.is_none_or(|lag| lag > 1_000) {
                seen.throttle.push(ThrottleReason {
                    signal: "replica_lag_ms".into(),
                    place: "replica".into(),
                    value,
                    limit: 1_000,
                    since: now,
                });
            }
            if let Some(value) = value {
                let reading = Reading { value, at: now };
                seen.signals.insert("replica_lag_ms".into(), reading);
            }
            watch_guards(&guards, &mut engine.seen, name, now);
        }
        self.after(0, Happening::Reconcile(id));
        self.after(POLL_MS, Happening::Poll(id));
    }

    pub(super) fn take_over_with_another(&mut self) {
        self.fault(FaultKind::Takeover);
        self.mark("engine takeovers");
        self.start_engine();
    }

    /// The process stands still; somebody notices and starts another.
    pub(super) fn freeze_engine(&mut self, ms: u64) {
        let (owner, now_ms) = (self.journal.owner, self.now_ms);
        let Some(engine) = self.engines.get_mut(&owner) else {
            return;
        };
        engine.frozen_until_ms = now_ms + ms;
        self.fault(FaultKind::EngineFrozen);
        self.note(|| format!("engine {owner} stands still for {ms} ms"));
        let started = self.engines_started;
        let pause = self.dice.between(1, ms);
        self.after(pause, Happening::EngineStart(started));
    }

    pub(super) fn automate(&mut self) {
        let to = if self.shape.opening.production {
            Stop::Shift(100)
        } else {
            self.shape.last_stop()
        };
        let verb = rollout::Verb::Automate { to: Some(to) };
        self.ask(rollout::Scope::Fleet, verb);
    }
}

pub(super) fn brief(event: &Event) -> String {
    match event {
        Event::RolloutOpened(_) => "rollout opened".into(),
        Event::RingAdmitted { ring, stop, .. } => format!("{ring} admitted to {stop}"),
        Event::StageBegun { stop, shards, .. } => format!("{stop} begun on {shards:?}"),
        other => format!("{other:?}"),
    }
}

/// The simulated clients follow the flag, so nobody writes the old form once
/// it stands at 100 %; how the quiet gate itself judges is the heart's test.
fn quiet_since_the_beginning(now: Timestamp) -> OldForm {
    OldForm {
        count: 0,
        quiet_since: Timestamp(0),
        read_at: now,
        writers: String::new(),
    }
}
