//! Guards: conditions watched in every state, waiting ones too.

use super::command::{Command, Scope, Verb};
use super::next::engine_order;
use super::observation::{Observations, Reading};
use super::state::{Phase, Rollout};
use crate::base::{Cause, Timestamp};
use crate::fleet::{Guard, GuardAction};

/// Notes which guards are breached by a shard's newest readings.
pub fn watch(
    guards: &[Guard],
    observations: &mut Observations,
    shard: &crate::base::ShardName,
    now: Timestamp,
) {
    let seen = observations.shard_mut(shard);
    for guard in guards {
        let breached = seen
            .signals
            .get(&guard.signal)
            .is_some_and(|Reading { value, .. }| *value > guard.above);
        if breached {
            seen.breached_since.entry(guard.name.clone()).or_insert(now);
        } else {
            seen.breached_since.remove(&guard.name);
        }
    }
}

/// Orders that follow from breached guards. A guard is armed from the moment
/// its shard has begun expand until the rollout ends.
pub(super) fn orders(
    rollout: &Rollout,
    observations: &Observations,
    now: Timestamp,
) -> Vec<Command> {
    let mut out = Vec::new();
    for (name, shard) in &rollout.shards {
        let armed = shard.at > rollout.before_expand()
            && !matches!(
                shard.phase,
                Phase::RolledBack | Phase::RollingBack | Phase::Abandoned
            );
        let Some(seen) = observations.shard(name).filter(|_| armed) else {
            continue;
        };
        for guard in &rollout.opening.guards {
            let Some(since) = seen.breached_since.get(&guard.name) else {
                continue;
            };
            if now < since.after(guard.lasting) {
                continue;
            }
            let ring = rollout.rings.get(&shard.ring);
            let verb = match guard.action {
                GuardAction::Hold if ring.is_some_and(|r| r.hold.is_none()) => Verb::Hold,
                GuardAction::Pause if ring.is_some_and(|r| r.paused.is_none()) => Verb::Pause,
                GuardAction::RollBack => Verb::RollBack {
                    to: rollout.before_expand(),
                },
                _ => continue,
            };
            let reason = format!(
                "guard {}: {} above {} on {name} since {}",
                guard.name,
                guard.signal,
                guard.above,
                since.clock()
            );
            let scope = Scope::Ring(shard.ring.clone());
            let order = engine_order(rollout, scope, verb, Cause::Guard, reason);
            out.push(Command::Order(order));
        }
    }
    out
}
