//! What a writer knows to be in the table: the oracle for lost writes.
//!
//! Every write is noted before it is sent and again when its outcome is known.
//! A write whose outcome stayed unknown leaves two possibilities. The file is
//! appended line by line without syncing: it survives the end of the writer,
//! not of the machine. Values are counted in the unit of the old form.

mod check;
mod file;

pub use check::{Columns, Found, LedgerReport, LostWrite, TableRows, WrongForm, check, fetch};
pub use file::LedgerFile;

use crate::base::Untrusted;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A write to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// Change the balance by this.
    Add(i64),
    /// Insert the row with this balance.
    Insert(i64),
    /// Delete the row.
    Delete,
}

/// What a writer notes, one line each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// The row as the writer found it before its first write.
    Base(i64, Option<i64>),
    /// This is being sent.
    Try(i64, Write),
    /// The server has acknowledged what was being sent; rows it touched.
    Ack(i64, u64),
    /// The server has refused what was being sent.
    Refused(i64, Untrusted),
    /// Nobody knows what became of it.
    Unknown(i64),
    /// The row as it was read.
    Saw(i64, Option<i64>),
}

/// A statement's own result was not possible: seen by the writer itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The key.
    pub key: i64,
    /// What could have been there.
    pub expected: BTreeSet<Option<i64>>,
    /// What the statement said.
    pub found: Evidence,
}

/// How a contradiction showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A read gave this row.
    Read(Option<i64>),
    /// A write touched this many rows.
    Touched(u64),
}

/// Everything that one writer knows. `None` as a value means: no such row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    keys: BTreeMap<i64, BTreeSet<Option<i64>>>,
    pending: BTreeMap<i64, Write>,
    acknowledged: u64,
    refused: BTreeMap<String, u64>,
    unknown: u64,
    contradictions: Vec<Contradiction>,
}

impl Ledger {
    /// Folds one note in.
    pub fn note(&mut self, note: &Note) {
        match note {
            Note::Base(key, value) => {
                self.keys.insert(*key, BTreeSet::from([*value]));
            }
            Note::Try(key, write) => {
                self.settle(*key);
                self.pending.insert(*key, *write);
            }
            Note::Ack(key, rows) => self.acknowledge(*key, *rows),
            Note::Refused(key, code) => {
                self.pending.remove(key);
                *self.refused.entry(code.raw().to_owned()).or_default() += 1;
            }
            Note::Unknown(key) => self.settle(*key),
            Note::Saw(key, value) => {
                self.settle(*key);
                let evidence = Evidence::Read(*value);
                self.narrow(*key, evidence, |possible| possible == *value);
                self.keys.insert(*key, BTreeSet::from([*value]));
            }
        }
    }

    /// Closes what was being sent when the writer was killed.
    pub fn close(&mut self) {
        let open: Vec<i64> = self.pending.keys().copied().collect();
        for key in open {
            self.settle(key);
        }
    }

    /// What can be in the table for a key; `None` if the key was never used.
    pub fn possible(&self, key: i64) -> Option<&BTreeSet<Option<i64>>> {
        self.keys.get(&key)
    }

    /// Keys in order, with what can be there.
    pub fn keys(&self) -> impl Iterator<Item = (i64, &BTreeSet<Option<i64>>)> {
        self.keys.iter().map(|(key, possible)| (*key, possible))
    }

    /// Writes that the server has acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Writes whose outcome stayed unknown when they were made.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Refused writes by SQLSTATE.
    pub fn refused(&self) -> &BTreeMap<String, u64> {
        &self.refused
    }

    /// What the writer itself found impossible.
    pub fn contradictions(&self) -> &[Contradiction] {
        &self.contradictions
    }

    fn acknowledge(&mut self, key: i64, rows: u64) {
        let Some(write) = self.pending.remove(&key) else {
            return;
        };
        self.acknowledged += 1;
        let evidence = Evidence::Touched(rows);
        // An acknowledged insert found no row; the others tell by the count.
        self.narrow(key, evidence, |value| match write {
            Write::Insert(_) => value.is_none(),
            Write::Add(_) | Write::Delete => value.is_some() == (rows > 0),
        });
        if let Some(possible) = self.keys.get_mut(&key) {
            *possible = possible.iter().map(|value| write.after(*value)).collect();
        }
    }

    /// Keeps what agrees with the evidence. When nothing does, that is a
    /// contradiction, and the ledger goes on from the evidence.
    fn narrow(&mut self, key: i64, evidence: Evidence, agrees: impl Fn(Option<i64>) -> bool) {
        let possible = self.keys.entry(key).or_default();
        if possible.iter().any(|value| agrees(*value)) {
            possible.retain(|value| agrees(*value));
            return;
        }
        self.contradictions.push(Contradiction {
            key,
            expected: possible.clone(),
            found: evidence,
        });
        if evidence == Evidence::Touched(0) {
            *possible = BTreeSet::from([None]);
        }
    }

    /// A write without an outcome: done or not done.
    fn settle(&mut self, key: i64) {
        let Some(write) = self.pending.remove(&key) else {
            return;
        };
        self.unknown += 1;
        let possible = self.keys.entry(key).or_default();
        let after: Vec<_> = possible.iter().map(|value| write.after(*value)).collect();
        possible.extend(after);
    }
}

impl Write {
    /// The value after this write, if it is done.
    fn after(self, value: Option<i64>) -> Option<i64> {
        match self {
            Self::Add(delta) => value.map(|value| value + delta),
            // A row that is there already makes the insert fail.
            Self::Insert(balance) => value.or(Some(balance)),
            Self::Delete => None,
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
