//! One line per thing that matters, batches together.

use super::account::{Figure, Moment};
use super::told::{Section, told};
use crate::base::{RingName, ShardName, Timestamp};
use crate::rollout::{Event, Fact, Rollout, Scope};
use crate::wire::{describe, words};
use std::collections::{BTreeMap, BTreeSet};

/// Clients of a ring that have seen a percentage.
struct Share {
    from: Timestamp,
    to: Timestamp,
    seq: u64,
    percent: u8,
    shards: BTreeSet<ShardName>,
    clients: u64,
    ring: RingName,
}

/// Folds it.
#[derive(Default)]
pub(super) struct Timeline {
    moments: Vec<Moment>,
    shares: Vec<Share>,
    newest: BTreeMap<(RingName, u8), usize>,
}

impl Timeline {
    /// Takes one fact in.
    pub(super) fn note(&mut self, seq: u64, fact: &Fact, rollout: &Rollout) {
        match &fact.event {
            // Told as batches, out of the figures.
            Event::StageBegun { .. } | Event::StageDone { .. } | Event::StageUndone { .. } => {}
            Event::ShareSeen { percent, clients } => {
                self.share(seq, fact, rollout, (*percent, *clients));
            }
            event if told(event).is_in(Section::Timeline) => self.moments.push(Moment {
                from: fact.at,
                to: fact.at,
                seq,
                scope: fact.scope.clone(),
                what: describe(fact),
                who: fact.actor.to_string(),
            }),
            _ => {}
        }
    }

    fn share(&mut self, seq: u64, fact: &Fact, rollout: &Rollout, (percent, clients): (u8, u64)) {
        let Scope::Shard(name) = &fact.scope else {
            return;
        };
        let Some(ring) = rollout.shards.get(name).map(|s| &s.ring) else {
            return;
        };
        let key = (ring.clone(), percent);
        let same = self.newest.get(&key).copied();
        let same = same.filter(|place| !self.shares[*place].shards.contains(name));
        let place = same.unwrap_or_else(|| {
            self.shares.push(Share {
                from: fact.at,
                to: fact.at,
                seq,
                percent,
                shards: BTreeSet::new(),
                clients: 0,
                ring: ring.clone(),
            });
            self.newest.insert(key, self.shares.len() - 1);
            self.shares.len() - 1
        });
        let share = &mut self.shares[place];
        share.shards.insert(name.clone());
        share.clients = share.clients.max(clients);
        (share.to, share.seq) = (fact.at, seq);
    }

    /// All of it, by the entry that ended each line.
    pub(super) fn finish(self, figures: &[Figure]) -> Vec<Moment> {
        let shares = self.shares.into_iter().map(|share| Moment {
            from: share.from,
            to: share.to,
            seq: share.seq,
            scope: Scope::Ring(share.ring),
            what: format!(
                "flag at {} %, seen back on {} by up to {} clients each",
                share.percent,
                words::shards(share.shards.len()),
                share.clients
            ),
            who: "engine".into(),
        });
        let mut all: Vec<Moment> = self.moments.into_iter().chain(shares).collect();
        all.extend(figures.iter().map(batch));
        all.sort_by_key(|moment| moment.seq);
        all
    }
}

fn batch(figure: &Figure) -> Moment {
    let done = words::shards(figure.done);
    let mut what = match (figure.undone, figure.begun, figure.done) {
        (true, ..) => format!("{} undone on {done}", figure.stop),
        (_, begun, 0) => format!("{} begun on {}", figure.stop, words::shards(begun)),
        (_, begun, finished) if finished < begun => {
            format!(
                "{} done on {finished} of {}",
                figure.stop,
                words::shards(begun)
            )
        }
        _ => format!("{} done on {done}", figure.stop),
    };
    if figure.rows > 0 {
        what.push_str(&format!(", {} rows", words::grouped(figure.rows)));
    }
    Moment {
        from: figure.from,
        to: figure.to,
        seq: figure.seq,
        scope: Scope::Ring(figure.ring.clone()),
        what,
        who: "engine".into(),
    }
}
