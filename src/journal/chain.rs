//! The growing end of a journal.

use super::entry::{Draft, DraftError, Entry, LogId};
use crate::base::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The end of a journal: the number and the hash of its last entry. Written
/// `SEQ:HEX`; noted elsewhere, it shows later whether a tail was cut off or
/// history was rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
pub struct Head {
    /// Number of the last entry; 0 when there is none.
    pub seq: u64,
    /// Its hash; [`Digest::ZERO`] when there is none.
    pub hash: Digest,
}

/// The text is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head is the number of an entry, a colon and the 64 hex digits of its hash")]
pub struct HeadError;

impl Head {
    /// The head of an empty journal.
    pub const EMPTY: Self = Self {
        seq: 0,
        hash: Digest::ZERO,
    };
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Head {
    type Err = HeadError;

    fn from_str(text: &str) -> Result<Self, HeadError> {
        let (seq, hash) = text.split_once(':').ok_or(HeadError)?;
        let head = Self {
            seq: seq.parse().map_err(|_| HeadError)?,
            hash: hash.parse().map_err(|_| HeadError)?,
        };
        // One spelling only: no "+7", no "007".
        if head.to_string() == text {
            Ok(head)
        } else {
            Err(HeadError)
        }
    }
}

impl From<Head> for String {
    fn from(head: Head) -> Self {
        head.to_string()
    }
}

impl TryFrom<String> for Head {
    type Error = HeadError;

    fn try_from(text: String) -> Result<Self, HeadError> {
        text.parse()
    }
}

/// Turns drafts into entries. Cheap to clone: a writer tries a batch on a
/// clone and keeps it only once the batch is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    log: LogId,
    head: Head,
}

impl Chain {
    /// A new journal.
    pub fn new(log: LogId) -> Self {
        Self::resume(log, Head::EMPTY)
    }

    /// A journal that already ends at `head`.
    pub fn resume(log: LogId, head: Head) -> Self {
        Self { log, head }
    }

    /// The journal's name.
    pub fn log(&self) -> &LogId {
        &self.log
    }

    /// Where the journal ends.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Seals the next entry: the entry and its line, without line feed. A
    /// refused draft leaves the chain where it was.
    pub fn append(&mut self, draft: Draft) -> Result<(Entry, String), DraftError> {
        let seq = self.head.seq.checked_add(1).ok_or(DraftError::Beyond)?;
        let (entry, line) = Entry::seal(&self.log, seq, self.head.hash, draft)?;
        self.head = entry.head();
        Ok((entry, line))
    }
}
