//! Answers those who look: never waiting for a disk or a shard in the engine's
//! own loop.

use super::clock;
use super::port::Looked;
use super::supervisor::Engine;
use super::throttle::limit_of;
use crate::base::{Period, ShardName, Timestamp};
use crate::report::{Shift, handover};
use crate::shard::{Direction, Listed};
use crate::wire::{
    EventView, Finding, JournalPage, Locks, Look, PlanStep, PlanWay, ShardDetail, Sight,
    SignalView, entries, events_of,
};
use std::sync::Arc;

impl Engine {
    pub(super) fn looked(&mut self, looked: Looked) {
        match looked.look().clone() {
            Look::Restore => self.count_restore(),
            Look::Plan => looked.answer(Sight::Plan(self.plan())),
            Look::Journal => self.journal_page(looked),
            Look::Head(seq) => self.head_at(seq, looked),
            Look::Handover(shift) => self.handover(shift, looked),
            Look::Runbook => looked.answer(Sight::Runbook(self.setup.runbook.clone())),
            Look::Shard(name) => self.shard_detail(name, looked),
        }
    }

    /// The statements of the first shard that is open: they are the same on
    /// all, but for what depends on the kind of database.
    fn plan(&self) -> Vec<PlanStep> {
        let shard = self.setup.shards.values().next();
        let listing = shard.map_or(&[][..], |shard| &shard.plan().listing);
        listing.iter().map(step).collect()
    }

    /// Spelling out hundreds of entries takes milliseconds, and a pause must
    /// not wait for them: that is done in a task of its own.
    fn journal_page(&mut self, looked: Looked) {
        let head = self.setup.book.head();
        let trouble = self.setup.book.trouble();
        let trouble = trouble.map(|t| (t.since, t.why.clone()));
        let facts = self.setup.book.recent().to_vec();
        self.tasks.spawn(async move {
            looked.answer(Sight::Journal(JournalPage {
                head: Some(head),
                trouble,
                entries: entries(&facts),
            }));
        });
    }

    /// From the journal's file, in a task of its own. What cannot be read is
    /// not answered: whoever still waits asks again.
    fn head_at(&mut self, seq: u64, looked: Looked) {
        let reader = self.setup.book.store().reader_shared();
        self.tasks.spawn(async move {
            match reader.head_at(seq).await {
                Ok(found) => looked.answer(Sight::Head(found)),
                Err(why) => tracing::warn!("entry {seq} cannot be read: {why}"),
            }
        });
    }

    /// Out of what is in memory; it says where that does not reach back.
    fn handover(&mut self, lasting: Period, looked: Looked) {
        let at = clock::now();
        let since = Timestamp(at.0.saturating_sub(lasting.ms()));
        let view = match self.setup.publisher.newest() {
            Some(published) => published.view,
            None => Arc::new(self.view()),
        };
        let book = &mut self.setup.book;
        let whole_since = book.notable_since();
        let (facts, state) = book.notable();
        let shift = Shift {
            view: &view,
            state,
            facts,
            whole_since,
            since,
            at,
        };
        looked.answer(Sight::Handover(Box::new(handover(&shift))));
    }

    fn shard_detail(&mut self, name: ShardName, looked: Looked) {
        let detail = ShardDetail {
            at: clock::now(),
            signals: self.signals(&name),
            findings: self.findings(&name),
            locks: Locks::Unknown("the shard is not open".into()),
            events: self.happened(&name),
            shard: name.clone(),
        };
        let shard = self.setup.shards.get(&name).map(Arc::clone);
        self.tasks.spawn(async move {
            let locks = match shard {
                Some(shard) => shard.locks().await,
                None => detail.locks.clone(),
            };
            let detail = Box::new(ShardDetail { locks, ..detail });
            looked.answer(Sight::Shard(detail));
        });
    }

    fn happened(&mut self, name: &ShardName) -> Vec<EventView> {
        let rollout = self.setup.book.state().rollout.as_ref();
        let ring = rollout.and_then(|r| Some(r.shards.get(name)?.ring.clone()));
        events_of(self.setup.book.recent(), name, ring.as_ref())
    }

    fn signals(&self, name: &ShardName) -> Vec<SignalView> {
        let Some((at, measured)) = self.polled.get(name) else {
            return Vec::new();
        };
        let limits = &self.setup.throttle;
        let view = |m: &crate::shard::Measurement| SignalView {
            signal: m.signal.clone(),
            place: m.place.clone(),
            value: m.value,
            limit: limit_of(limits, &m.signal).map(|(limit, _)| limit),
            at: *at,
        };
        measured.iter().map(view).collect()
    }

    fn findings(&self, name: &ShardName) -> Vec<Finding> {
        self.meters
            .get(name)
            .map_or_else(Vec::new, |meter| meter.findings().cloned().collect())
    }
}

fn step(listed: &Listed) -> PlanStep {
    PlanStep {
        stop: listed.stop,
        way: match listed.direction {
            Direction::Run => PlanWay::There,
            Direction::Undo => PlanWay::Back,
        },
        title: listed.title.clone(),
        sql: listed.sql.clone(),
        lock: listed.lock.clone(),
        estimate: listed.estimate,
    }
}
