//! What follows from where the shards stand now: what a ring has finished,
//! and which dialogs are out of date.

use crate::base::{RingName, ShardName};
use crate::rollout::command::Scope;
use crate::rollout::event::{Event, Fact};
use crate::rollout::state::{Phase, Rollout};
use std::collections::BTreeSet;

pub(super) fn settle(rollout: &mut Rollout, fact: &Fact) {
    match &fact.scope {
        Scope::Shard(name) => settle_ring_of(rollout, name, fact),
        Scope::Ring(name) => settle_ring(rollout, name, fact),
        Scope::Fleet => {
            let names: Vec<RingName> = rollout.rings.keys().cloned().collect();
            names
                .iter()
                .for_each(|name| settle_ring(rollout, name, fact));
        }
    }
    bump_versions(rollout, fact);
}

fn settle_ring_of(rollout: &mut Rollout, name: &ShardName, fact: &Fact) {
    let Some(ring) = rollout.shards.get(name).map(|s| s.ring.clone()) else {
        return;
    };
    settle_ring(rollout, &ring, fact);
    if matches!(fact.event, Event::ShardRegressed { .. }) {
        take_admission_back(rollout, &ring);
    }
}

/// A ring has finished what its slowest live shard has.
fn settle_ring(rollout: &mut Rollout, name: &RingName, fact: &Fact) {
    let Rollout { opening, rings, .. } = rollout;
    let Some(ring) = rings.get_mut(name) else {
        return;
    };
    let finished_to = ring.tally.lowest();
    if ring.finished.keys().next_back().copied() == finished_to {
        return;
    }
    ring.finished.retain(|stop, _| Some(*stop) <= finished_to);
    for stop in opening.route.iter().filter(|s| Some(**s) <= finished_to) {
        ring.finished.entry(*stop).or_insert(fact.at);
    }
}

/// Lost stages must be admitted again, through their gates.
fn take_admission_back(rollout: &mut Rollout, name: &RingName) {
    let Some(ring) = rollout.rings.get(name) else {
        return;
    };
    let all_idle = rollout
        .live(ring)
        .all(|(_, shard)| shard.phase == Phase::Done);
    let Some(ring) = rollout.rings.get_mut(name) else {
        return;
    };
    let finished_to = ring.tally.lowest().unwrap_or(ring.admitted);
    ring.admitted = if all_idle {
        finished_to
    } else {
        ring.admitted.min(finished_to)
    };
}

fn bump_versions(rollout: &mut Rollout, fact: &Fact) {
    if matches!(
        fact.event,
        Event::ShardAttached { .. } | Event::ShareSeen { .. } | Event::Throttled { .. }
    ) {
        return;
    }
    rollout.version += 1;
    if let Event::StageBegun { shards, .. } = &fact.event {
        // Written for a batch; a ring that is not in it has not changed.
        let mut touched = BTreeSet::new();
        for name in shards {
            if let Some(shard) = rollout.shards.get_mut(name) {
                shard.version += 1;
                touched.insert(shard.ring.clone());
            }
        }
        let rings = rollout.rings.iter_mut();
        rings
            .filter(|(name, _)| touched.contains(*name))
            .for_each(|(_, ring)| ring.version += 1);
        return;
    }
    match &fact.scope {
        Scope::Fleet => {
            rollout.rings.values_mut().for_each(|r| r.version += 1);
            rollout.shards.values_mut().for_each(|s| s.version += 1);
        }
        Scope::Ring(name) => {
            if let Some(ring) = rollout.rings.get_mut(name) {
                ring.version += 1;
                for shard in ring.shards.clone() {
                    if let Some(shard) = rollout.shards.get_mut(&shard) {
                        shard.version += 1;
                    }
                }
            }
        }
        Scope::Shard(name) => {
            if let Some(shard) = rollout.shards.get_mut(name) {
                shard.version += 1;
                if let Some(ring) = rollout.rings.get_mut(&shard.ring) {
                    ring.version += 1;
                }
            }
        }
    }
}
