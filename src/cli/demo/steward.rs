//! Steers a demo that nobody watches: retries what failed, and promotes into
//! contract with the confirmation typed. Pure; its orders go the way of any
//! person's orders and pass the same rules.

use crate::base::{Actor, Period, ShardName, Stage, Timestamp};
use crate::lab::demo::DemoSpec;
use crate::rollout::{Phase, Scope, Verb};
use crate::wire::{CommandEnvelope, FleetView, Sign};
use std::collections::BTreeMap;

/// An order that has changed nothing by then is given again.
const AGAIN: Period = Period::from_ms(2_000);
/// Retries of one shard; more is not a little trouble.
const RETRIES_MAX: u32 = 3;
/// Beyond what the rows take, how long nothing may be recorded.
const PATIENCE_MS: u64 = 120_000;

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steered {
    /// Give these orders; often none.
    Orders(Vec<CommandEnvelope>),
    /// The rollout has ended.
    Done,
    /// It does not go on; why.
    GaveUp(String),
}

/// The one who steers.
#[derive(Clone, Debug)]
pub struct Steward {
    actor: Actor,
    confirm: String,
    patience: Period,
    given: BTreeMap<Scope, Timestamp>,
    retries: BTreeMap<ShardName, u32>,
    orders: u64,
    /// Newest number in the journal, and when it was new.
    moved: Option<(u64, Timestamp)>,
}

impl Steward {
    /// Acts as this person, and types this to confirm.
    pub fn new(actor: Actor, confirm: &str, spec: &DemoSpec) -> Self {
        let rows_ms = 4_000 * u64::from(spec.rows) / u64::from(spec.rows_per_s_max.max(1));
        Self {
            actor,
            confirm: confirm.to_owned(),
            patience: Period::from_ms(PATIENCE_MS + rows_ms),
            given: BTreeMap::new(),
            retries: BTreeMap::new(),
            orders: 0,
            moved: None,
        }
    }

    /// Looks at the newest view.
    pub fn step(&mut self, view: &FleetView, now: Timestamp) -> Steered {
        let Some(rollout) = &view.header.rollout else {
            return Steered::Orders(Vec::new());
        };
        if rollout.outcome.is_some() {
            return Steered::Done;
        }
        let head = view.header.head.as_ref().map_or(0, |head| head.seq);
        let (seq, since) = self.moved.unwrap_or((head, now));
        let since = if seq == head { since } else { now };
        self.moved = Some((head, since));
        if now.since(since) > self.patience {
            let standing = &rollout.standing;
            let why = format!(
                "nothing has moved for {}: {}",
                self.patience, standing.cause
            );
            return Steered::GaveUp(why);
        }
        let mut orders = Vec::new();
        for shard in view.shards.iter().filter(|s| s.phase == Phase::Failed) {
            let scope = Scope::Shard(shard.name.clone());
            let Some(mut order) = self.order(scope, Verb::Retry, shard.version, now) else {
                continue;
            };
            let retries = self.retries.entry(shard.name.clone()).or_default();
            *retries += 1;
            if *retries > RETRIES_MAX {
                let why = shard.failure.as_ref().map(ToString::to_string);
                return Steered::GaveUp(why.unwrap_or_else(|| format!("{} failed", shard.name)));
            }
            order.reason = "whoever held the lock has let go".into();
            orders.push(order);
        }
        let ready = view.rings.iter().filter(|ring| {
            let contract = ring
                .next
                .is_some_and(|stop| stop.stage() == Stage::Contract);
            contract && ring.standing.sign == Sign::NeedsHuman
        });
        for ring in ready {
            let scope = Scope::Ring(ring.name.clone());
            if let Some(mut order) = self.order(scope, Verb::Promote, ring.version, now) {
                order.confirm = Some(self.confirm.clone());
                order.reason = "every client is at 100 %".into();
                orders.push(order);
            }
        }
        Steered::Orders(orders)
    }

    fn order(
        &mut self,
        scope: Scope,
        verb: Verb,
        seen: u64,
        now: Timestamp,
    ) -> Option<CommandEnvelope> {
        let waits = self
            .given
            .get(&scope)
            .is_some_and(|at| now.since(*at) < AGAIN);
        if waits {
            return None;
        }
        self.given.insert(scope.clone(), now);
        self.orders += 1;
        Some(CommandEnvelope {
            key: format!("demo/{}/{}", now.0, self.orders),
            actor: self.actor.clone(),
            scope,
            verb,
            seen: Some(seen),
            confirm: None,
            reason: String::new(),
        })
    }
}
