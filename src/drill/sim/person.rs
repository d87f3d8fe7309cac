//! Operators who order whatever comes to their mind.

use super::world::{Happening, World};
use crate::base::{Actor, Cause};
use crate::rollout::{Command, Decision, Order, Scope, Verb};

impl World {
    /// One order by a person. True: it was taken.
    pub(super) fn ask(&mut self, scope: Scope, verb: Verb) -> bool {
        if !self.owner_answers() {
            return false;
        }
        self.orders += 1;
        let word = verb.word();
        let order = Order {
            key: format!("ana/{}", self.orders),
            actor: Actor::person("ana"),
            cause: Cause::Operator,
            scope,
            verb,
            seen: None,
            confirm: Some(self.shape.opening.id.clone()),
            reason: "simulated".into(),
        };
        self.last_order = Some(order.clone());
        let taken = self.command(self.journal.owner, &Command::Order(order));
        let taken = matches!(taken, Some(Decision::Facts(_)));
        if taken {
            self.mark(format!("order {word}"));
        }
        taken
    }

    fn owner_answers(&self) -> bool {
        let owner = self.engines.get(&self.journal.owner);
        owner.is_some_and(|engine| engine.frozen_until_ms <= self.now_ms)
    }

    pub(super) fn person(&mut self) {
        if self.healed {
            return;
        }
        let pause = self.dice.between(100, 4_000);
        self.after(pause, Happening::Person);
        if self.dice.chance(10) {
            return self.repeat_last();
        }
        let aborting = self
            .engines
            .get(&self.journal.owner)
            .and_then(|engine| engine.state.open())
            .is_some_and(|rollout| rollout.aborting.is_some());
        let mut scope = self.pick_scope();
        let mut verb = self.pick_verb();
        if aborting && self.dice.chance(30) {
            let place = self.dice.place(self.shape.shards.len());
            scope = Scope::Shard(self.shape.shards[place].clone());
            verb = Verb::Abandon;
        }
        self.ask(scope, verb);
    }

    /// A double Enter: the same key again must change nothing.
    fn repeat_last(&mut self) {
        let Some(order) = self.last_order.clone() else {
            return;
        };
        let known = self.owner_answers()
            && self.engines.get(&self.journal.owner).is_some_and(|e| {
                e.state
                    .open()
                    .is_some_and(|rollout| rollout.keys.contains(&order.key))
            });
        if !known {
            return;
        }
        let answer = self.command(self.journal.owner, &Command::Order(order));
        self.mark("orders repeated");
        if matches!(answer, Some(Decision::Facts(_))) {
            self.violated("I19", "a repeated order was taken again".into());
        }
    }

    fn pick_scope(&mut self) -> Scope {
        let rings = &self.shape.opening.rings;
        match self.dice.between(0, 2) {
            0 => Scope::Fleet,
            1 => Scope::Ring(rings[self.dice.place(rings.len())].0.clone()),
            _ => {
                let place = self.dice.place(self.shape.shards.len());
                Scope::Shard(self.shape.shards[place].clone())
            }
        }
    }

    fn pick_verb(&mut self) -> Verb {
        match self.dice.between(0, 99) {
            0..=29 => Verb::Promote,
            30..=34 => Verb::Hold,
            35..=44 => Verb::Release,
            45..=54 => Verb::Pause,
            55..=69 => Verb::Resume,
            70..=79 => Verb::Retry,
            80..=87 => {
                let route = &self.shape.opening.route;
                Verb::RollBack {
                    to: route[self.dice.place(route.len())],
                }
            }
            88 => Verb::Abort,
            89 => Verb::Abandon,
            90..=94 => Verb::Throttle {
                rows_per_s_max: self.dice.chance(50).then(|| self.dice.between(5, 500)),
            },
            _ => Verb::Automate {
                to: self.dice.chance(70).then_some(self.shape.last_stop()),
            },
        }
    }
}
