//! The journal and its fold, kept together: nothing changes the state that is
//! not in the journal first. The one exception are calming acts: they work at
//! once and are owed to the journal until it can be written.
//!
//! A disk can be full, and it can hang. A write is therefore waited for with
//! patience only; after that it is in doubt, nothing else is written, and
//! what became of it is learnt later.

use super::{clock, failpoint, record, signed_head};
use crate::base::{Actor, Cause, Period, Timestamp};
use crate::journal::{Chain, Draft, Entry, Head, Seal};
use crate::report::is_notable;
use crate::rollout::{
    Command, Decision, Event, Fact, Observations, Refusal, Scope, State, apply, decide,
};
use crate::store::{Appending, Store, StoreError};
use crate::worker::Variant;
use std::collections::VecDeque;
use std::time::Duration;

/// Facts kept for the event feed.
const RECENT_MAX: usize = 500;
/// Facts kept for a handover, besides: what people did and what went wrong.
const NOTABLE_MAX: usize = 500;
/// How long a write is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// The shortest time between two seals.
const SEAL_EVERY: Period = Period::from_ms(1_000);
/// A failed write says nothing any more after this long without another.
const TROUBLE_AGE_MAX: Period = Period::from_ms(5_000);

/// What became of a command.
#[derive(Debug)]
pub enum Taken {
    /// In the journal; number of its first entry and the facts.
    Recorded(u64, Vec<Fact>),
    /// Accepted before.
    Repeated,
    /// Refused.
    Refused(Refusal),
    /// The journal cannot be written: a calming act works all the same.
    Unrecorded,
    /// The journal cannot be written: nothing happened.
    NotTaken(String),
    /// The journal has it and does not answer: whether it is recorded is
    /// learnt later.
    InDoubt(Ticket),
    /// No journal takes it, however healthy its disk is: nothing happened.
    Unrecordable(String),
}

/// Names a write whose outcome is not known yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// Why the journal cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// The newest failure.
    pub at: Timestamp,
    /// What it said.
    pub why: String,
}

/// What a write carries.
enum Cargo {
    /// The first facts of what is owed; they work already.
    Owed(usize),
    /// A command's facts. The state before anything else came to work while
    /// they were on their way, if something did.
    Command(Vec<Fact>, Option<Box<State>>),
}

/// A write on its way.
struct Flight {
    ticket: Ticket,
    cargo: Cargo,
    answer: Appending,
}

/// How a write ended.
enum Written {
    Durable(u64, Vec<Fact>),
    Failed(StoreError),
    InDoubt(Ticket),
}

/// Seals are for those who verify; among what happened they would only crowd.
fn is_told(event: &Event) -> bool {
    !matches!(event, Event::HeadSealed(_))
}

fn sealed_fact(seal: Seal, now: Timestamp) -> Fact {
    Fact {
        at: now,
        actor: Actor::engine(),
        scope: Scope::Fleet,
        cause: Cause::Reconcile,
        key: None,
        reason: String::new(),
        event: Event::HeadSealed(Box::new(seal)),
    }
}

/// See the module.
pub struct Book {
    store: Store,
    state: State,
    recent: VecDeque<(u64, Fact)>,
    notable: VecDeque<(u64, Fact)>,
    /// The newest notable fact that is not kept any more.
    notable_gone: Option<Timestamp>,
    /// Facts that work already and are still to be recorded, in order.
    owed: Vec<Fact>,
    flight: Option<Flight>,
    tickets: u64,
    landed: Option<Ticket>,
    trouble: Option<Trouble>,
    /// The last write failed: nothing but [`Book::settle`] tries again.
    shut: bool,
    /// When a head was sealed last.
    sealed_at: Timestamp,
    /// What an engine could not record before it stopped, in words.
    left: Vec<String>,
    /// Whom it could not tell before it stopped, in words.
    untold: Vec<String>,
    variant: Variant,
}

impl Book {
    /// Opens the book: replays the journal.
    ///
    /// # Errors
    /// The journal cannot be read, is damaged, or was written by a newer
    /// version.
    pub async fn open(store: Store, variant: Variant) -> Result<Self, BookError> {
        let entries = store.entries(1).await?;
        let (state, facts) = record::replay(&entries)?;
        let mut book = Self {
            store,
            state,
            recent: VecDeque::new(),
            notable: VecDeque::new(),
            notable_gone: None,
            owed: Vec::new(),
            flight: None,
            tickets: 0,
            landed: None,
            trouble: None,
            shut: false,
            sealed_at: Timestamp::default(),
            left: Vec::new(),
            untold: Vec::new(),
            variant,
        };
        for (seq, fact) in facts {
            book.keep(seq, fact);
        }
        Ok(book)
    }

    /// What is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The last facts with their numbers, oldest first.
    pub fn recent(&mut self) -> &[(u64, Fact)] {
        self.recent.make_contiguous()
    }

    /// The last facts that a handover names, with their numbers, oldest first,
    /// and what is known.
    pub fn notable(&mut self) -> (&[(u64, Fact)], &State) {
        (self.notable.make_contiguous(), &self.state)
    }

    /// From when on they are whole, if older ones are not kept any more.
    pub fn notable_since(&self) -> Option<Timestamp> {
        self.notable_gone
    }

    /// Where the journal ends.
    pub fn head(&self) -> Head {
        self.store.head()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether acts that work already wait to be recorded.
    pub fn owes(&self) -> bool {
        !self.owed.is_empty() || self.flight.is_some()
    }

    /// Whether the journal is behind: nothing new may start.
    pub fn is_behind(&self) -> bool {
        self.shut || self.flight.is_some() || (self.trouble.is_some() && !self.owed.is_empty())
    }

    /// Why the journal cannot be written, if it cannot.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Whether this was the last write in doubt, and is recorded.
    pub fn has_landed(&self, ticket: Ticket) -> bool {
        self.landed == Some(ticket)
    }

    /// Acts that work and are not recorded, oldest first.
    pub fn owed(&self) -> &[Fact] {
        &self.owed
    }

    /// What the last engine could not record before it stopped.
    pub fn left(&self) -> &[String] {
        &self.left
    }

    /// Whom the last engine could not tell before it stopped.
    pub fn untold(&self) -> &[String] {
        &self.untold
    }

    pub(super) fn leave_untold(&mut self, untold: Vec<String>) {
        self.untold = untold;
    }

    pub(super) fn leave_unrecorded(&mut self, left: Vec<String>) {
        self.left = left;
    }

    /// Decides, records, folds: in this order.
    pub async fn take(&mut self, observations: &Observations, command: &Command) -> Taken {
        if !self.shut {
            self.settle().await;
        }
        let calming = matches!(command, Command::Order(order) if order.verb.is_calming());
        if !calming && self.is_behind() {
            return Taken::NotTaken(self.excuse());
        }
        if let Some(refusal) = signed_head::judge(&self.store, command).await {
            return Taken::Refused(refusal);
        }
        let now = clock::now();
        let facts = match decide(&self.state, observations, command, now) {
            Ok(Decision::Facts(facts)) => facts,
            Ok(Decision::Repeated) => return Taken::Repeated,
            Err(refusal) => return Taken::Refused(refusal),
        };
        if calming && self.is_behind() {
            return self.act_unrecorded(facts);
        }
        if self.variant.acts_before_record() && matches!(command, Command::Begin { .. }) {
            return self.act_first(facts);
        }
        if facts.is_empty() {
            return Taken::Recorded(self.head().seq, facts);
        }
        match self.write(Cargo::Command(facts.clone(), None)).await {
            Written::Durable(seq, facts) => Taken::Recorded(seq, facts),
            Written::Failed(StoreError::Draft(why)) => Taken::Unrecordable(why.to_string()),
            Written::Failed(_) if calming => self.act_unrecorded(facts),
            Written::Failed(_) => Taken::NotTaken(self.excuse()),
            Written::InDoubt(_) if calming => self.act_in_doubt(&facts),
            Written::InDoubt(ticket) => Taken::InDoubt(ticket),
        }
    }

    /// The broken variant: folds, and leaves the record for later.
    fn act_first(&mut self, facts: Vec<Fact>) -> Taken {
        self.work(&facts);
        self.owed.extend(facts.iter().cloned());
        Taken::Recorded(self.head().seq, facts)
    }

    /// A calming act works although the journal cannot be written.
    fn act_unrecorded(&mut self, facts: Vec<Fact>) -> Taken {
        // What can never be recorded would stand in the way of all others.
        let mut chain = Chain::resume(self.store.log().clone(), self.head());
        let drafts = facts.iter().map(record::draft);
        if let Some(why) = drafts.filter_map(|d| chain.append(d).err()).next() {
            return Taken::Unrecordable(why.to_string());
        }
        if let Some(Flight {
            cargo: Cargo::Command(_, before),
            ..
        }) = &mut self.flight
        {
            before.get_or_insert_with(|| Box::new(self.state.clone()));
        }
        self.work(&facts);
        self.owed.extend(facts);
        Taken::Unrecorded
    }

    /// A calming act works while the journal takes its time over it.
    fn act_in_doubt(&mut self, facts: &[Fact]) -> Taken {
        self.work(facts);
        self.owed = facts.to_vec();
        if let Some(flight) = &mut self.flight {
            flight.cargo = Cargo::Owed(facts.len());
        }
        Taken::Unrecorded
    }

    /// Records what is owed, if the journal can be written again.
    pub async fn settle(&mut self) {
        self.shut = false;
        if let Some(flight) = &mut self.flight {
            match flight.answer.try_recv() {
                Err(tokio::sync::oneshot::error::TryRecvError::Empty) => return,
                Ok(answer) => drop(self.land(answer)),
                Err(_) => drop(self.land(Err(StoreError::Closed))),
            }
        }
        if self.owed.is_empty() {
            let now = clock::now();
            let fresh = |t: &Trouble| now.since(t.at) < TROUBLE_AGE_MAX;
            self.trouble = self.trouble.take().filter(fresh);
        } else if !self.shut {
            self.write(Cargo::Owed(self.owed.len())).await;
        }
    }

    /// Writes, with patience. Dropped half-way it is still known what is on
    /// its way.
    async fn write(&mut self, cargo: Cargo) -> Written {
        failpoint::pass("before append");
        let facts = match &cargo {
            Cargo::Owed(_) => &self.owed,
            Cargo::Command(facts, _) => facts,
        };
        let drafts: Vec<Draft> = facts.iter().map(record::draft).collect();
        let answer = match self.store.submit(drafts) {
            Ok(answer) => answer,
            Err(error) => return self.failed(error),
        };
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let flight = self.flight.insert(Flight {
            ticket,
            cargo,
            answer,
        });
        match tokio::time::timeout(PATIENCE, &mut flight.answer).await {
            Ok(answer) => self.land(answer.unwrap_or(Err(StoreError::Closed))),
            Err(_) => {
                self.note("it has not answered for 1 s".into());
                Written::InDoubt(ticket)
            }
        }
    }

    /// The answer to what was on its way.
    fn land(&mut self, answer: Result<Vec<Entry>, StoreError>) -> Written {
        let entries = match answer {
            Ok(entries) => entries,
            Err(error) => {
                self.flight = None;
                return self.failed(error);
            }
        };
        failpoint::pass("after append");
        let seq = entries.first().map_or(0, |entry| entry.seq);
        self.trouble = None;
        self.shut = false;
        let Some(flight) = self.flight.take() else {
            return Written::Durable(seq, Vec::new());
        };
        self.landed = Some(flight.ticket);
        let facts = match flight.cargo {
            Cargo::Owed(count) => self.owed.drain(..count).collect(),
            Cargo::Command(facts, before) => {
                // In the journal's order: what came to work meanwhile is
                // recorded after these.
                let meanwhile = before.map(|before| {
                    self.state = *before;
                    self.owed.clone()
                });
                self.work(&facts);
                self.work(&meanwhile.unwrap_or_default());
                facts
            }
        };
        self.remember(seq, &facts);
        Written::Durable(seq, facts)
    }

    /// Signs where the journal ends, at most once a second: what ends within
    /// one is covered together.
    pub(super) async fn seal_in_time(&mut self) {
        if clock::now().since(self.sealed_at) >= SEAL_EVERY {
            self.seal().await;
        }
    }

    /// Signs where the journal ends, if that is not signed yet and can be
    /// recorded.
    pub async fn seal(&mut self) {
        let (head, now) = (self.head(), clock::now());
        // The newest entry is the seal of the one before it.
        let sealed = self.state.sealed.map_or(0, |sealed| sealed.seq + 1);
        // A sick disk is not bothered with what can wait.
        if head.seq <= sealed || self.trouble.is_some() || self.is_behind() || self.owes() {
            return;
        }
        self.sealed_at = now;
        match Seal::make(self.store.log(), head, self.store.key()) {
            Ok(seal) => {
                let fact = sealed_fact(seal, now);
                self.write(Cargo::Command(vec![fact], None)).await;
            }
            Err(why) => tracing::error!("the head cannot be sealed: {why}"),
        }
    }

    fn failed(&mut self, error: StoreError) -> Written {
        // A draft that no journal takes says nothing about the disk.
        if !matches!(error, StoreError::Draft(_)) {
            self.shut = true;
            self.note(error.to_string());
        }
        Written::Failed(error)
    }

    fn note(&mut self, why: String) {
        let at = clock::now();
        let since = self.trouble.as_ref().map_or(at, |t| t.since);
        self.trouble = Some(Trouble { since, at, why });
    }

    fn excuse(&self) -> String {
        let why = self.trouble.as_ref().map_or("it is behind", |t| &t.why);
        format!("the journal cannot be written: {why}")
    }

    fn work(&mut self, facts: &[Fact]) {
        for fact in facts {
            apply(&mut self.state, fact);
        }
    }

    fn remember(&mut self, seq: u64, facts: &[Fact]) {
        for (seq, fact) in (seq..).zip(facts) {
            self.keep(seq, fact.clone());
        }
    }

    fn keep(&mut self, seq: u64, fact: Fact) {
        if is_notable(&fact.event) {
            self.notable.push_back((seq, fact.clone()));
        }
        if self.notable.len() > NOTABLE_MAX {
            let gone = self.notable.pop_front();
            self.notable_gone = gone.map(|(_, fact)| fact.at);
        }
        if is_told(&fact.event) {
            self.recent.push_back((seq, fact));
        }
        if self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Seals the head and closes the store in order.
    ///
    /// # Errors
    /// The last write did not reach the disk.
    pub async fn close(mut self) -> Result<(), StoreError> {
        self.seal().await;
        self.store.close().await
    }
}

/// The book cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The journal cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal holds what this version does not know.
    #[error(transparent)]
    Unknown(#[from] record::UnknownEntry),
}
