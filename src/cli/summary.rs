//! The one JSON object of a headless run.

use super::exit::{Ended, Exit};
use crate::base::code;
use crate::engine::{Book, fact};
use crate::journal::{Verdict, verify};
use crate::rollout::Event;
use serde::Serialize;

/// What a run ends with, on stdout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `done`, `reached`, `waiting`, `failed`, `aborted`, `stopped`, `fenced`.
    pub outcome: String,
    /// Shards of the rollout.
    pub shards: u64,
    /// Rows worked on in backfills.
    pub rows: u64,
    /// Chunks committed in backfills.
    pub chunks: u64,
    /// Wrong rows that the newest proofs found.
    pub stale_rows: u64,
    /// Acknowledged writes lost, where a ledger was kept; otherwise null.
    pub lost_writes: Option<u64>,
    /// Shards whose proof failed.
    pub mismatches: u64,
    /// Head of the journal, `SEQ:HEX`.
    pub journal_head: String,
    /// Whether the whole journal was verified just now.
    pub journal_verified: bool,
}

impl Summary {
    /// Whether something that must never be was found.
    pub fn promise_is_broken(&self) -> bool {
        !self.journal_verified || self.lost_writes.is_some_and(|n| n > 0)
    }
}

/// Sums up the newest rollout of a journal.
///
/// # Errors
/// The journal cannot be read.
pub async fn summary(outcome: &str, book: &Book) -> Result<Summary, Ended> {
    let failed = |why: String| Ended::new(Exit::Failed, format!("journal: {why}"));
    let mut summary = Summary {
        outcome: outcome.to_owned(),
        shards: book
            .state()
            .rollout
            .as_ref()
            .map_or(0, |r| r.shards.len() as u64),
        rows: 0,
        chunks: 0,
        stale_rows: 0,
        lost_writes: None,
        mismatches: 0,
        journal_head: book.head().to_string(),
        journal_verified: false,
    };
    let entries = book
        .store()
        .entries(1)
        .await
        .map_err(|e| failed(e.to_string()))?;
    for entry in &entries {
        match fact(entry).map_err(|e| failed(e.to_string()))?.event {
            Event::RolloutOpened(_) => {
                (summary.rows, summary.chunks, summary.mismatches) = (0, 0, 0)
            }
            Event::StageDone {
                stop: crate::base::Stop::Backfill,
                evidence,
                ..
            } => {
                summary.rows += evidence.rows;
                summary.chunks += evidence.chunks;
            }
            Event::StageDone {
                stop: crate::base::Stop::Verify,
                evidence,
                ..
            } => {
                summary.stale_rows += evidence.stale;
            }
            Event::ShardFailed { fault } if fault.code == code::ROWS_WRONG => {
                summary.mismatches += 1
            }
            _ => {}
        }
    }
    let mut lines = Vec::new();
    book.store()
        .lines(&mut lines)
        .await
        .map_err(|e| failed(e.to_string()))?;
    let verdict = verify(lines.as_slice(), Some(book.head())).map_err(|e| failed(e.to_string()))?;
    summary.journal_verified = matches!(verdict, Verdict::Intact { .. });
    Ok(summary)
}
