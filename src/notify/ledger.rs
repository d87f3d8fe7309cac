//! Who was told what: the first at once, what follows within five minutes in
//! one message, nothing twice. Pure: moments come in.

use super::due::Due;
use super::message::Notice;
use crate::base::{Period, Timestamp};
use crate::fleet::NotifyEvent;
use std::collections::{BTreeMap, BTreeSet};

/// After a message, the next one comes no sooner.
pub const GROUP: Period = Period::from_ms(5 * 60_000);

/// What goes into one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// New, and still so.
    pub raised: Vec<Notice>,
    /// Told before, and not so any more.
    pub cleared: Vec<Notice>,
    /// Happened, and over.
    pub ended: Vec<Notice>,
}

impl Group {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.raised.is_empty() && self.cleared.is_empty() && self.ended.is_empty()
    }
}

/// Whether a message may wait for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Grouped.
    Grouped,
    /// Now: nothing comes after it.
    Last,
}

/// What one of those outside was told.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// What it wants to be told of; `None` is everything.
    events: Option<BTreeSet<NotifyEvent>>,
    /// Told, and not told to be cleared; by id.
    told: BTreeMap<String, Notice>,
    /// Happened since the last message.
    ended: Vec<Notice>,
    /// When the last message was made.
    last: Option<Timestamp>,
}

impl Ledger {
    /// Of somebody who was told nothing yet.
    pub fn new(events: Option<BTreeSet<NotifyEvent>>) -> Self {
        Self {
            events,
            ..Self::default()
        }
    }

    /// What is to be told now, if anything. What was raised and cleared between
    /// two messages is not told at all: nobody needs to do anything about it.
    pub fn see(&mut self, due: &Due, now: Timestamp, pace: Pace) -> Option<Group> {
        let events = &self.events;
        let wanted = |n: &&Notice| events.as_ref().is_none_or(|e| e.contains(&n.event));
        self.ended.extend(due.ended.iter().filter(wanted).cloned());
        let open: BTreeMap<String, Notice> = due
            .open
            .iter()
            .filter(wanted)
            .map(|notice| (notice.id.clone(), notice.clone()))
            .collect();
        // A clock that was set back must not keep the next message waiting.
        let waits = |last: Timestamp| now >= last && now.since(last) < GROUP;
        if pace == Pace::Grouped && self.last.is_some_and(waits) {
            return None;
        }
        let told = &self.told;
        let new = |n: &&Notice| open.contains_key(&n.id) && !told.contains_key(&n.id);
        // In the order in which they stand on the screen: the most urgent first.
        let group = Group {
            raised: due.open.iter().filter(new).cloned().collect(),
            cleared: told
                .values()
                .filter(|n| !open.contains_key(&n.id))
                .cloned()
                .collect(),
            ended: std::mem::take(&mut self.ended),
        };
        if group.is_empty() {
            return None;
        }
        self.told = open;
        self.last = Some(now);
        Some(group)
    }
}
