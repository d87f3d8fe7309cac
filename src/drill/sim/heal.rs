//! The end of every run: faults stop, somebody tends the rollout, and it must
//! come to its end.

use super::shape::Ending;
use super::world::{Happening, World};
use crate::base::{ShardName, Stop, code};
use crate::rollout::{Gate, Phase, Refusal, Rollout, Scope, Verb, ready};

const TEND_MS: u64 = 1_000;
/// Faults that trying again cannot mend: the rows must be filled again.
const FILL_AGAIN: [&str; 3] = [code::DUAL_WRITE_WAS_OFF, code::ROWS_WRONG, code::GAP];

impl World {
    pub(super) fn heal(&mut self) {
        self.healed = true;
        self.crash_at_effect = None;
        self.at_chunk.clear();
        for engine in self.engines.values_mut() {
            engine.frozen_until_ms = engine.frozen_until_ms.min(self.now_ms);
        }
        self.note(|| "everything is healed".into());
        for site in &mut self.sites {
            site.up = true;
            site.frozen_until_ms = site.frozen_until_ms.min(self.now_ms);
            site.slow = false;
            site.lags = false;
            site.blind = false;
            site.server.break_step(None);
        }
        let owner = self.journal.owner;
        if !self.engines.contains_key(&owner) {
            self.start_engine();
        }
        self.lift_caps();
        self.tend();
    }

    fn lift_caps(&mut self) {
        let Some(rollout) = self.rollout() else {
            return;
        };
        let rings = rollout.rings.keys().cloned().map(Scope::Ring);
        let shards = rollout.shards.keys().cloned().map(Scope::Shard);
        let scopes: Vec<Scope> = rings.chain(shards).chain([Scope::Fleet]).collect();
        for scope in scopes {
            let rows_per_s_max = None;
            self.ask(scope, Verb::Throttle { rows_per_s_max });
        }
    }

    fn rollout(&self) -> Option<&Rollout> {
        self.engines.get(&self.journal.owner)?.state.open()
    }

    /// A person looks in every second and clears what waits for a person.
    pub(super) fn tend(&mut self) {
        self.after(TEND_MS, Happening::Tend);
        let Some(rollout) = self.rollout().cloned() else {
            return;
        };
        for (name, shard) in &rollout.shards {
            if shard.phase == Phase::Failed {
                self.tend_failed(&rollout, name);
            }
        }
        self.lift(&rollout);
        if rollout.aborting.is_some() {
            return;
        }
        let live = rollout
            .shards
            .values()
            .any(|s| !matches!(s.phase, Phase::RolledBack | Phase::Abandoned));
        if self.shape.ending == Ending::Abort || !live {
            if !self.ask(Scope::Fleet, Verb::Abort) {
                let to = Stop::Retire;
                self.ask(Scope::Fleet, Verb::RollBack { to });
            }
            return;
        }
        self.prove_again(&rollout);
        if rollout.auto.is_none() {
            self.automate();
        }
        if self.shape.opening.production {
            self.ask(Scope::Fleet, Verb::Promote);
        }
    }

    fn tend_failed(&mut self, rollout: &Rollout, name: &ShardName) {
        let Some(shard) = rollout.shards.get(name) else {
            return;
        };
        let code = shard.failure.as_ref().map_or("", |f| f.code.as_str());
        let to = Stop::DualWrite;
        let again = FILL_AGAIN.contains(&code) && shard.undo.is_none() && shard.at > to;
        if !again {
            self.ask(Scope::Shard(name.clone()), Verb::Retry);
            return;
        }
        let ring = Scope::Ring(shard.ring.clone());
        let alone = Scope::Shard(name.clone());
        let _ = self.ask(ring, Verb::RollBack { to })
            || self.ask(alone, Verb::RollBack { to })
            || self.ask(Scope::Fleet, Verb::RollBack { to });
    }

    fn lift(&mut self, rollout: &Rollout) {
        if rollout.paused.is_some() {
            self.ask(Scope::Fleet, Verb::Resume);
        }
        if rollout.hold.is_some() {
            self.ask(Scope::Fleet, Verb::Release);
        }
        for (name, ring) in &rollout.rings {
            if ring.paused.is_some() {
                self.ask(Scope::Ring(name.clone()), Verb::Resume);
            }
            if ring.hold.is_some() {
                self.ask(Scope::Ring(name.clone()), Verb::Release);
            }
        }
        for (name, shard) in &rollout.shards {
            if shard.paused.is_some() {
                self.ask(Scope::Shard(name.clone()), Verb::Resume);
            }
        }
    }

    /// Proof that has grown too old is made anew.
    fn prove_again(&mut self, rollout: &Rollout) {
        let owner = self.journal.owner;
        let now = self.moment(owner);
        let stale: Vec<_> = rollout
            .ring_order()
            .filter(|ring| {
                let seen = self.engines.get(&owner).map(|engine| &engine.seen);
                let answer = seen.map(|seen| ready(rollout, seen, ring, now));
                matches!(answer, Some(Err(Refusal::Gates(gates)))
                    if gates.iter().any(|g| g.gate == Gate::FreshVerify))
            })
            .cloned()
            .collect();
        for (name, shard) in &rollout.shards {
            if stale.contains(&shard.ring) && shard.at == Stop::Verify {
                let to = Stop::Backfill;
                self.ask(Scope::Shard(name.clone()), Verb::RollBack { to });
            }
        }
    }

    /// Why the run counts as stuck.
    pub(super) fn describe_standstill(&self) -> String {
        let Some(rollout) = self.rollout() else {
            return "no engine, or no rollout".into();
        };
        let shards: Vec<String> = rollout
            .shards
            .iter()
            .map(|(name, s)| {
                let code = s.failure.as_ref().map_or("", |f| f.code.as_str());
                format!(
                    "{name} {} {:?} undo {:?} {code}",
                    s.at,
                    s.phase,
                    s.undo.map(|u| u.to)
                )
            })
            .collect();
        let rings: Vec<String> = rollout
            .rings
            .iter()
            .map(|(name, r)| format!("{name} admitted {} held {}", r.admitted, r.hold.is_some()))
            .collect();
        format!("stuck: {}; {}", shards.join(", "), rings.join(", "))
    }
}
