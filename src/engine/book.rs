//! The journal and its fold, kept together: nothing changes the state that is
//! not in the journal first.

use super::{clock, failpoint, record};
use crate::journal::{Draft, Head};
use crate::rollout::{Command, Decision, Fact, Observations, Refusal, State, apply, decide};
use crate::store::{Store, StoreError};
use crate::worker::Variant;
use std::collections::VecDeque;

/// Facts kept for the event feed.
const RECENT_MAX: usize = 200;

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
}

/// See the module.
pub struct Book {
    store: Store,
    state: State,
    recent: VecDeque<(u64, Fact)>,
    /// Calming facts that work already and are still to be recorded, in order.
    owed: Vec<Fact>,
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
        let recent = facts.into_iter().rev().take(RECENT_MAX).rev().collect();
        Ok(Self {
            store,
            state,
            recent,
            owed: Vec::new(),
            variant,
        })
    }

    /// What is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The last facts with their numbers, oldest first.
    pub fn recent(&mut self) -> &[(u64, Fact)] {
        self.recent.make_contiguous()
    }

    /// Where the journal ends.
    pub fn head(&self) -> Head {
        self.store.head()
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether calming acts wait to be recorded.
    pub fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Decides, records, folds: in this order.
    pub async fn take(&mut self, observations: &Observations, command: &Command) -> Taken {
        self.settle().await;
        let now = clock::now();
        let facts = match decide(&self.state, observations, command, now) {
            Ok(Decision::Facts(facts)) => facts,
            Ok(Decision::Repeated) => return Taken::Repeated,
            Err(refusal) => return Taken::Refused(refusal),
        };
        if self.variant.acts_before_record() && matches!(command, Command::Begin { .. }) {
            return self.act_first(facts).await;
        }
        match self.append(&facts).await {
            Ok(seq) => {
                self.fold(seq, &facts);
                Taken::Recorded(seq, facts)
            }
            Err(error) => self.not_written(command, facts, &error),
        }
    }

    /// The broken variant: folds, and leaves the record for later.
    async fn act_first(&mut self, facts: Vec<Fact>) -> Taken {
        for fact in &facts {
            apply(&mut self.state, fact);
        }
        self.owed.extend(facts.iter().cloned());
        Taken::Recorded(self.head().seq, facts)
    }

    fn not_written(&mut self, command: &Command, facts: Vec<Fact>, error: &StoreError) -> Taken {
        let calming = matches!(command, Command::Order(order) if order.verb.is_calming());
        if !calming {
            return Taken::NotTaken(format!("the journal cannot be written: {error}"));
        }
        for fact in &facts {
            apply(&mut self.state, fact);
        }
        self.owed.extend(facts);
        Taken::Unrecorded
    }

    /// Records what is owed, if the journal can be written again.
    pub async fn settle(&mut self) {
        if self.owed.is_empty() {
            return;
        }
        let owed = std::mem::take(&mut self.owed);
        match self.append(&owed).await {
            Ok(seq) => self.remember(seq, &owed),
            Err(_) => self.owed = owed,
        }
    }

    async fn append(&self, facts: &[Fact]) -> Result<u64, StoreError> {
        if facts.is_empty() {
            return Ok(self.head().seq);
        }
        failpoint::pass("before append");
        let drafts: Vec<Draft> = facts.iter().map(record::draft).collect();
        let entries = self.store.append(drafts).await?;
        failpoint::pass("after append");
        Ok(entries.first().map_or(0, |entry| entry.seq))
    }

    fn fold(&mut self, seq: u64, facts: &[Fact]) {
        for fact in facts {
            apply(&mut self.state, fact);
        }
        self.remember(seq, facts);
    }

    fn remember(&mut self, seq: u64, facts: &[Fact]) {
        self.recent.extend((seq..).zip(facts.iter().cloned()));
        while self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Closes the store in order.
    ///
    /// # Errors
    /// The last write did not reach the disk.
    pub async fn close(self) -> Result<(), StoreError> {
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
