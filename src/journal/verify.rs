//! Checking a journal, offline, from nothing but its lines.

use super::canonical::LINE_BYTES_MAX;
use super::chain::Head;
use super::entry::{Entry, LogId, ReadError};
use std::fmt;
use std::io::{self, BufRead, Read};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every line is canonical, hashes fit, the chain holds, and the expected
    /// head, if there was one, is in it.
    Intact {
        /// Where the journal ends.
        head: Head,
        /// How many entries were checked.
        entries: u64,
    },
    /// A readable line does not fit.
    Broken {
        /// Line, from 1.
        line: u64,
        /// The number the line claims.
        seq: u64,
        /// What does not fit.
        why: Break,
    },
    /// Sound as far as it goes, but it ends before the expected head.
    Truncated {
        /// Where it ends.
        have: Head,
        /// Where it should reach at least.
        expected: Head,
    },
    /// Sound as far as it goes, but it is not the journal whose head was noted:
    /// history was rewritten.
    Forked {
        /// What it holds there.
        have: Head,
        /// What was noted.
        expected: Head,
    },
    /// A line cannot be read as an entry.
    Unreadable {
        /// Line, from 1.
        line: u64,
        /// Why not.
        why: ReadError,
    },
}

/// In which way a readable line does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Entries are missing, repeated or out of order.
    #[error("entry {expected} should stand here")]
    Sequence {
        /// The number that should stand here.
        expected: u64,
    },
    /// The line belongs to another journal.
    #[error("it belongs to another journal")]
    OtherLog,
    /// It does not name the entry before it.
    #[error("it does not follow the entry before it")]
    Link,
    /// The line was changed after it was recorded.
    #[error("its bytes do not have the hash they claim")]
    Hash,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intact { head, entries } => {
                write!(f, "intact: {entries} entries, head {head}")
            }
            Self::Broken { line, seq, why } => {
                write!(f, "broken at line {line} (entry {seq}): {why}")
            }
            Self::Truncated { have, expected } => write!(
                f,
                "truncated: the journal ends at {have}, it should reach {expected}"
            ),
            Self::Forked { have, expected } => write!(
                f,
                "forked: entry {} was {} when it was noted and is {} here, so history was rewritten",
                expected.seq, expected.hash, have.hash
            ),
            Self::Unreadable { line, why } => write!(f, "unreadable at line {line}: {why}"),
        }
    }
}

/// How the lines came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// After a whole line.
    Whole,
    /// In the middle of a line, which is not counted.
    Unfinished,
}

/// Checks lines one by one.
#[derive(Clone, Debug)]
pub struct Verifier {
    log: Option<LogId>,
    head: Head,
    line: u64,
    entries: u64,
    expected: Option<Head>,
}

impl Verifier {
    /// From the first entry on.
    pub fn new(expected: Option<Head>) -> Self {
        Self {
            log: None,
            head: Head::EMPTY,
            line: 0,
            entries: 0,
            expected,
        }
    }

    /// From the entry after `head` on; lines are counted like entries.
    pub fn after(log: LogId, head: Head) -> Self {
        Self {
            log: Some(log),
            head,
            line: head.seq,
            entries: 0,
            expected: None,
        }
    }

    /// Checks the next line, given without line feed. After an error the
    /// verdict is final and the rest proves nothing.
    pub fn push(&mut self, line: &[u8]) -> Result<Entry, Verdict> {
        self.line += 1;
        let entry = Entry::read(line).map_err(|why| self.unreadable(why))?;
        if let Err(why) = self.check(&entry, line) {
            return Err(Verdict::Broken {
                line: self.line,
                seq: entry.seq,
                why,
            });
        }
        self.head = entry.head();
        if let Some(expected) = self
            .expected
            .filter(|e| e.seq == entry.seq && *e != self.head)
        {
            let have = self.head;
            return Err(Verdict::Forked { have, expected });
        }
        self.entries += 1;
        self.log.get_or_insert_with(|| entry.log.clone());
        Ok(entry)
    }

    fn check(&self, entry: &Entry, line: &[u8]) -> Result<(), Break> {
        let expected = self.head.seq + 1;
        if entry.seq != expected {
            return Err(Break::Sequence { expected });
        }
        if self.log.as_ref().is_some_and(|log| *log != entry.log) {
            return Err(Break::OtherLog);
        }
        if entry.prev != self.head.hash {
            return Err(Break::Link);
        }
        if !entry.hash_fits(line) {
            return Err(Break::Hash);
        }
        Ok(())
    }

    fn unreadable(&self, why: ReadError) -> Verdict {
        Verdict::Unreadable {
            line: self.line,
            why,
        }
    }

    /// Where the checked part ends.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The verdict once the lines have ended without an error.
    pub fn finish(mut self, ending: Ending) -> Verdict {
        if let Some(expected) = self.expected {
            // A head of entry 0 that is not empty was never anybody's head.
            if expected.seq > self.head.seq || (expected.seq == 0 && expected != Head::EMPTY) {
                return Verdict::Truncated {
                    have: self.head,
                    expected,
                };
            }
        }
        match ending {
            Ending::Whole => Verdict::Intact {
                head: self.head,
                entries: self.entries,
            },
            Ending::Unfinished => {
                self.line += 1;
                self.unreadable(ReadError::Unfinished)
            }
        }
    }
}

/// Checks everything that `lines` gives, one entry per line, each ended by a
/// line feed. With `expected` a missing tail is found too.
///
/// The only error is one of reading; whatever is wrong with the journal is in
/// the verdict.
pub fn verify(lines: impl BufRead, expected: Option<Head>) -> io::Result<Verdict> {
    verify_each(lines, expected, drop)
}

/// Like [`verify`], and hands over every entry that has proved sound so far.
pub fn verify_each(
    mut lines: impl BufRead,
    expected: Option<Head>,
    mut each: impl FnMut(Entry),
) -> io::Result<Verdict> {
    let mut verifier = Verifier::new(expected);
    let mut line = Vec::new();
    loop {
        line.clear();
        // Two more than a line may have: its line feed, and one to see that
        // it is too long.
        let limit = LINE_BYTES_MAX as u64 + 2;
        lines.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(verifier.finish(Ending::Whole));
        }
        let finished = line.pop_if(|last| *last == b'\n').is_some();
        if !finished && line.len() <= LINE_BYTES_MAX {
            return Ok(verifier.finish(Ending::Unfinished));
        }
        match verifier.push(&line) {
            Ok(entry) => each(entry),
            Err(verdict) => return Ok(verdict),
        }
    }
}
