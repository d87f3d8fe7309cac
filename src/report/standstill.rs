//! Holds and pauses, from the state itself: some begin and end as a rule's
//! consequence, without an event of their own.

use super::account::{Cap, RingTime, RowFigure, Standstill, Stood, Until};
use crate::base::{Period, RingName, ShardName, Timestamp};
use crate::rollout::{Event, Fact, Mark, Rollout, Scope};
use std::collections::BTreeMap;

/// Folds them.
#[derive(Default)]
pub(super) struct Standstills {
    all: Vec<Standstill>,
    open: BTreeMap<(Stood, Scope), usize>,
    caps: Vec<Cap>,
}

impl Standstills {
    /// Takes one fact in; `rollout` as it is after it.
    pub(super) fn note(&mut self, seq: u64, fact: &Fact, rollout: &Rollout) {
        if let Event::Throttled { rows_per_s_max } = &fact.event {
            return self.caps.push(Cap {
                at: fact.at,
                scope: fact.scope.clone(),
                rows_per_s_max: *rows_per_s_max,
            });
        }
        // The rest of the record, by far the most of it, closes no door.
        let may = matches!(
            fact.event,
            Event::Held
                | Event::Released
                | Event::Paused
                | Event::Resumed
                | Event::Retried { .. }
                | Event::RollbackBegun { .. }
                | Event::ShardRegressed { .. }
                | Event::AbortBegun
        );
        if !may {
            return;
        }
        let fleet = || Scope::Fleet;
        self.compare(seq, fact, (Stood::Held, fleet()), rollout.hold.as_ref());
        self.compare(seq, fact, (Stood::Paused, fleet()), rollout.paused.as_ref());
        for (name, ring) in &rollout.rings {
            let ring_scope = || Scope::Ring(name.clone());
            self.compare(seq, fact, (Stood::Held, ring_scope()), ring.hold.as_ref());
            self.compare(
                seq,
                fact,
                (Stood::Paused, ring_scope()),
                ring.paused.as_ref(),
            );
        }
        if let Scope::Shard(name) = &fact.scope {
            let paused = rollout.shards.get(name).and_then(|s| s.paused.as_ref());
            self.compare(seq, fact, (Stood::Paused, fact.scope.clone()), paused);
        }
    }

    fn compare(&mut self, seq: u64, fact: &Fact, key: (Stood, Scope), now: Option<&Mark>) {
        let known = self.open.get(&key).copied();
        if known.and_then(|place| self.all.get(place)).map(|s| &s.mark) == now {
            return;
        }
        if let Some(place) = known {
            self.open.remove(&key);
            self.all[place].until = Until::Lifted(fact.mark());
        }
        if let Some(mark) = now {
            self.open.insert(key.clone(), self.all.len());
            let (stood, scope) = key;
            self.all.push(Standstill {
                stood,
                scope,
                mark: mark.clone(),
                until: Until::Now,
                seq,
            });
        }
    }

    /// What still stands ends with the rollout, if that has ended.
    pub(super) fn finish(mut self, ended: Option<Timestamp>) -> (Vec<Standstill>, Vec<Cap>) {
        if let Some(at) = ended {
            for place in self.open.into_values() {
                self.all[place].until = Until::TheEnd(at);
            }
        }
        (self.all, self.caps)
    }
}

/// How long each ring stood still.
pub(super) fn ring_times(
    rollout: &Rollout,
    standstills: &[Standstill],
    caps: &[Cap],
    rows: &[RowFigure],
    now: Timestamp,
) -> Vec<RingTime> {
    let ring_of = |shard: &ShardName| rollout.shards.get(shard).map(|s| &s.ring);
    rollout
        .ring_order()
        .map(|ring| {
            let over = |scope: &Scope| match scope {
                Scope::Fleet => true,
                Scope::Ring(name) => name == ring,
                Scope::Shard(_) => false,
            };
            let within = |scope: &Scope| match scope {
                Scope::Shard(name) => ring_of(name) == Some(ring),
                wider => over(wider),
            };
            let total = |stood: Stood| {
                let spans = standstills
                    .iter()
                    .filter(|s| s.stood == stood && over(&s.scope))
                    .map(|s| (s.mark.at, s.end(now)));
                union(spans.collect())
            };
            let here = rows.iter().filter(|r| ring_of(&r.shard) == Some(ring));
            RingTime {
                ring: RingName::clone(ring),
                held: total(Stood::Held),
                paused: total(Stood::Paused),
                throttled_ms: here.map(|r| r.throttled_ms).sum(),
                caps: caps
                    .iter()
                    .filter(|cap| within(&cap.scope))
                    .cloned()
                    .collect(),
            }
        })
        .collect()
}

/// How long at least one of the spans lasted.
fn union(mut spans: Vec<(Timestamp, Timestamp)>) -> Period {
    spans.sort_unstable();
    let (mut ms, mut reached) = (0, Timestamp::default());
    for (from, to) in spans {
        ms += to.since(from.max(reached)).ms();
        reached = reached.max(to);
    }
    Period::from_ms(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_two_holds_share_counts_once() {
        let span = |from, to| (Timestamp(from), Timestamp(to));
        let spans = vec![span(50, 60), span(0, 10), span(5, 20), span(6, 8)];
        assert_eq!(union(spans), Period::from_ms(30));
        assert_eq!(union(Vec::new()), Period::from_ms(0));
    }
}
