//! What the shards did: stops begun, finished and undone, rows, failures.

use super::account::{AtFault, Figure, RowFigure};
use super::cell::moment;
use crate::base::{Fault, RingName, ShardName, Stop, Timestamp};
use crate::rollout::{Event, Evidence, Fact, Rollout, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// One ring at one stop, once.
struct Batch {
    figure: Figure,
    begun: BTreeSet<ShardName>,
    done: BTreeSet<ShardName>,
}

/// Whether a batch is on its way there or back.
type Key = (RingName, Stop, bool);

/// Folds the facts of work.
#[derive(Default)]
pub(super) struct Work {
    batches: Vec<Batch>,
    newest: BTreeMap<Key, usize>,
    begun_at: BTreeMap<(ShardName, Stop), Timestamp>,
    rows: Vec<RowFigure>,
    failures: Vec<AtFault>,
    failed: BTreeMap<ShardName, usize>,
}

impl Work {
    /// Takes one fact in; `rollout` as it was before it.
    pub(super) fn note(&mut self, seq: u64, fact: &Fact, rollout: &Rollout) {
        let here = match &fact.scope {
            Scope::Shard(name) => rollout.shards.get_key_value(name),
            Scope::Fleet | Scope::Ring(_) => None,
        };
        match (&fact.event, here) {
            (Event::StageBegun { stop, shards, .. }, _) => {
                for name in shards {
                    let Some(shard) = rollout.shards.get(name) else {
                        continue;
                    };
                    self.begun(seq, fact.at, (&shard.ring, name), *stop);
                }
            }
            (Event::StageDone { stop, evidence, .. }, Some((name, shard))) => {
                self.done(
                    seq,
                    fact.at,
                    (&shard.ring, name),
                    (*stop, false),
                    evidence.rows,
                );
                self.counted(seq, fact.at, name, *stop, evidence);
                if let Some(failure) = self.failed.remove(name) {
                    self.then(failure, format!("{stop} done at {}", moment(fact.at)));
                }
            }
            (Event::StageUndone { stop, restored }, Some((name, shard))) => {
                let rows = restored.map_or(0, |r| r.exported + r.down);
                self.done(seq, fact.at, (&shard.ring, name), (*stop, true), rows);
            }
            (Event::ShardFailed { fault }, Some((name, shard))) => {
                self.fault(seq, fact.at, (name, shard.at), fault);
            }
            (Event::ShardAbandoned, Some((name, _))) => {
                self.followed(name, format!("given up by {}", fact.actor));
            }
            (Event::Retried { shards }, _) => {
                let text = format!("retried by {} at {}", fact.actor, moment(fact.at));
                shards
                    .iter()
                    .for_each(|name| self.followed(name, text.clone()));
            }
            (Event::RollbackBegun { shards, to }, _) => {
                let text = format!("rolled back to {to} by {}", fact.actor);
                shards
                    .iter()
                    .for_each(|name| self.followed(name, text.clone()));
            }
            _ => {}
        }
    }

    fn begun(
        &mut self,
        seq: u64,
        at: Timestamp,
        (ring, name): (&RingName, &ShardName),
        stop: Stop,
    ) {
        self.begun_at.insert((name.clone(), stop), at);
        let key = (ring.clone(), stop, false);
        let same = self.newest.get(&key).copied();
        let same = same.filter(|place| !self.batches[*place].begun.contains(name));
        let place = same.unwrap_or_else(|| self.open(seq, at, key));
        let batch = &mut self.batches[place];
        batch.begun.insert(name.clone());
        batch.figure.begun += 1;
        (batch.figure.to, batch.figure.seq) = (at, seq);
    }

    fn done(
        &mut self,
        seq: u64,
        at: Timestamp,
        (ring, name): (&RingName, &ShardName),
        (stop, undone): (Stop, bool),
        rows: u64,
    ) {
        let key = (ring.clone(), stop, undone);
        let same = self.newest.get(&key).copied();
        let same = same.filter(|place| !self.batches[*place].done.contains(name));
        let place = same.unwrap_or_else(|| self.open(seq, at, key));
        let batch = &mut self.batches[place];
        batch.done.insert(name.clone());
        batch.figure.done += 1;
        batch.figure.rows += rows;
        (batch.figure.to, batch.figure.seq) = (at, seq);
    }

    fn open(&mut self, seq: u64, at: Timestamp, key: Key) -> usize {
        let (ring, stop, undone) = key.clone();
        self.batches.push(Batch {
            figure: Figure {
                ring,
                stop,
                undone,
                begun: 0,
                done: 0,
                from: at,
                to: at,
                rows: 0,
                seq,
            },
            begun: BTreeSet::new(),
            done: BTreeSet::new(),
        });
        let place = self.batches.len() - 1;
        self.newest.insert(key, place);
        place
    }

    fn counted(&mut self, seq: u64, at: Timestamp, name: &ShardName, stop: Stop, found: &Evidence) {
        let begun = self.begun_at.remove(&(name.clone(), stop));
        if found.rows == 0 && found.throttled_ms == 0 {
            return;
        }
        self.rows.push(RowFigure {
            shard: name.clone(),
            stop,
            rows: found.rows,
            chunks: found.chunks,
            took: begun.map(|begun| at.since(begun)),
            throttled_ms: found.throttled_ms,
            seq,
        });
    }

    fn fault(&mut self, seq: u64, at: Timestamp, (name, stop): (&ShardName, Stop), fault: &Fault) {
        self.followed(name, format!("failed again at {}", moment(at)));
        self.failures.push(AtFault {
            shard: name.clone(),
            at,
            stop: Some(stop),
            code: fault.code.clone(),
            what: fault.what.clone(),
            why: fault.why.clone(),
            then: Vec::new(),
            seq,
        });
        self.failed.insert(name.clone(), self.failures.len() - 1);
    }

    fn followed(&mut self, name: &ShardName, text: String) {
        if let Some(place) = self.failed.get(name).copied() {
            self.then(place, text);
        }
    }

    fn then(&mut self, place: usize, text: String) {
        if let Some(failure) = self.failures.get_mut(place) {
            failure.then.push(text);
        }
    }

    /// Figures, rows and failures, in the order in which they began.
    pub(super) fn finish(self) -> (Vec<Figure>, Vec<RowFigure>, Vec<AtFault>) {
        let figures = self.batches.into_iter().map(|batch| batch.figure);
        (figures.collect(), self.rows, self.failures)
    }
}
