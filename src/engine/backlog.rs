//! What drivers found and the journal does not hold yet.
//!
//! A finding is never lost because a disk is full for an hour, and never
//! keeps the engine from taking a pause: it waits here, in the order in which
//! it came. Until it is recorded its shard stands still, so there is at most
//! one for each shard at work.

use super::book::{Taken, Ticket};
use super::clock;
use super::driver::Told;
use super::setup::Stopped;
use super::supervisor::{Engine, TICK};
use crate::base::{Fault, ShardName, code};
use crate::rollout::{Command, Order, Report};
use crate::wire::{Answer, describe};
use crate::worker::Run;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinError;

/// How long an engine that stops waits for its drivers and its journal.
const LEAVE: Duration = Duration::from_secs(5);

/// Findings in the order in which they came.
pub(super) type Backlog = VecDeque<Heard>;

/// One finding.
pub(super) struct Heard {
    shard: ShardName,
    report: Report,
    then: Then,
    /// Its write, if that is in doubt.
    ticket: Option<Ticket>,
}

/// Who waits for the record.
enum Then {
    /// A driver in the middle of its assignment.
    GoOn(oneshot::Sender<()>),
    /// The shard's next assignment.
    Free,
}

impl Engine {
    /// Whether something waits for the journal: nothing new may start.
    pub(super) fn is_behind(&self) -> bool {
        !self.backlog.is_empty() || self.setup.book.is_behind()
    }

    /// Says something to the heart. What is not calming waits behind
    /// everything that is still to be recorded.
    pub(super) async fn take(&mut self, command: &Command) -> Taken {
        let calming = matches!(command, Command::Order(order) if order.verb.is_calming());
        if !calming && !self.backlog.is_empty() {
            let why = self.setup.book.trouble().map_or("", |t| t.why.as_str());
            return Taken::NotTaken(format!("the journal cannot be written: {why}"));
        }
        self.setup.book.take(&self.observations, command).await
    }

    /// Takes an act of a client.
    pub(super) async fn order(&mut self, order: Order) -> Answer {
        self.settle().await;
        let journal = |text| Answer::Refused {
            code: "journal".into(),
            text,
        };
        match self.take(&Command::Order(order)).await {
            Taken::Recorded(seq, _) => Answer::Accepted { seq },
            Taken::Repeated => Answer::Repeated,
            Taken::Refused(refusal) => Answer::refused(&refusal),
            Taken::Unrecorded => Answer::NotRecorded,
            Taken::NotTaken(why) => journal(format!("{why}; nothing was changed, try again")),
            Taken::InDoubt(_) => journal(
                "the journal's disk does not answer: it may be recorded or not; look before you ask again".into(),
            ),
            Taken::Unrecordable(why) => journal(why),
        }
    }

    /// Takes what a driver tells.
    pub(super) async fn hear(&mut self, told: Told) {
        let (shard, mut report, then) = match told {
            Told::Tick(shard, tick) => {
                let meter = self.meters.entry(shard).or_default();
                return meter.note(tick, clock::now());
            }
            Told::RestoreCounted(shard, found) => return self.counted(shard, found),
            Told::Report(shard, report, durable) => (shard, report, Then::GoOn(durable)),
            Told::Ended {
                shard,
                report,
                epoch,
            } => {
                if let Some(epoch) = epoch {
                    self.epochs.insert(shard.clone(), epoch);
                }
                let Some(report) = report else {
                    self.running.remove(&shard);
                    return;
                };
                (shard, report, Then::Free)
            }
        };
        if let Report::Fenced { .. } = report {
            self.stopped = Some(Stopped::Fenced(shard.clone()));
        }
        if let Report::Regressed { .. } = report {
            // The fence may have gone back with the data: take it again.
            self.epochs.remove(&shard);
        }
        if let Report::Finished { evidence, .. } = &mut report
            && let Some(meter) = self.meters.get(&shard)
        {
            evidence.throttled_ms = meter.throttled_ms(clock::now());
        }
        self.backlog.push_back(Heard {
            shard,
            report,
            then,
            ticket: None,
        });
        if !self.setup.book.is_behind() {
            self.drain().await;
        }
    }

    /// A driver that panicked tells nothing; its shard must not stand there as
    /// at work for ever.
    pub(super) async fn joined(&mut self, joined: Result<(), JoinError>) {
        let Err(error) = joined else { return };
        let shard = self.running.iter().find(|(_, r)| r.task == error.id());
        let Some(shard) = shard.map(|(name, _)| name.clone()) else {
            return;
        };
        let report = Some(Report::Failed {
            fault: Fault {
                code: code::DRIVER_BROKE.into(),
                what: format!("the driver of this shard broke: {error}"),
                place: shard.to_string(),
                why: None,
                did: "what it had committed stays; the shard stands still".into(),
                can: "retry reads the shard anew; please report this as a bug".into(),
            },
        });
        let epoch = None;
        self.hear(Told::Ended {
            shard,
            report,
            epoch,
        })
        .await;
    }

    /// Records what waits for the journal, if that can be written again.
    pub(super) async fn settle(&mut self) {
        self.setup.book.settle().await;
        self.drain().await;
    }

    async fn drain(&mut self) {
        while self.drain_one().await {}
    }

    /// Records the oldest finding; whether the next one may be tried.
    async fn drain_one(&mut self) -> bool {
        let Some(front) = self.backlog.front_mut() else {
            return false;
        };
        let book = &mut self.setup.book;
        if !front.ticket.is_some_and(|ticket| book.has_landed(ticket)) {
            let command = Command::Report(front.shard.clone(), front.report.clone());
            match book.take(&self.observations, &command).await {
                Taken::NotTaken(_) => return false,
                Taken::InDoubt(ticket) => {
                    front.ticket = Some(ticket);
                    return false;
                }
                Taken::Unrecordable(why) if !is_substitute(&front.report) => {
                    front.report = substitute(&why);
                    return true;
                }
                // A report that came too late says nothing that counts.
                _ => {}
            }
        }
        if let Some(heard) = self.backlog.pop_front() {
            match heard.then {
                // A driver that is gone waits for nothing.
                Then::GoOn(durable) => drop(durable.send(())),
                Then::Free => drop(self.running.remove(&heard.shard)),
            }
        }
        true
    }

    /// Lets every driver leave in order; what is reported still counts.
    pub(super) async fn leave(&mut self, tellings: &mut mpsc::Receiver<Told>) {
        for running in self.running.values() {
            running.signal.send_modify(|signal| signal.run = Run::Leave);
        }
        // What is cut short here is known to the shards, and what is on its
        // way to the journal arrives all the same.
        let _ = tokio::time::timeout(LEAVE, self.see_off(tellings)).await;
        self.tasks.abort_all();
        let left = self.unrecorded();
        self.setup.book.leave_unrecorded(left);
    }

    async fn see_off(&mut self, tellings: &mut mpsc::Receiver<Told>) {
        let mut ticks = tokio::time::interval(TICK);
        while !self.running.is_empty() || self.is_behind() || self.setup.book.owes() {
            tokio::select! {
                Some(told) = tellings.recv() => self.hear(told).await,
                _ = ticks.tick() => self.settle().await,
            }
        }
    }

    /// What the journal does not hold, in words.
    fn unrecorded(&self) -> Vec<String> {
        let owed = self.setup.book.owed().iter().map(|fact| {
            format!(
                "{}: {} ({}): the next engine does not know it, order it again",
                fact.scope,
                describe(fact),
                fact.actor
            )
        });
        let found = self.backlog.iter().map(|heard| {
            format!(
                "shard {}: a finding; the next engine reads it from the shard again",
                heard.shard
            )
        });
        owed.chain(found).collect()
    }
}

/// A finding that no journal takes, for example with an error text of
/// megabytes, stands still as a failure that a person looks at.
fn substitute(why: &str) -> Report {
    Report::Failed {
        fault: Fault {
            code: code::UNRECORDABLE.into(),
            what: format!("what was found cannot be recorded: {why}"),
            place: "journal".into(),
            why: None,
            did: "the shard stands still".into(),
            can: "look at the shard, then retry or roll back".into(),
        },
    }
}

fn is_substitute(report: &Report) -> bool {
    matches!(report, Report::Failed { fault } if fault.code == code::UNRECORDABLE)
}
