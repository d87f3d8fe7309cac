//! How many rows the next chunk gets.
//!
//! Time-targeted, after the chunker that block/spirit documents: growth at
//! most 1.5 ×, a panic shrink to a tenth when a chunk took more than five
//! times its target, a floor and a ceiling.

use crate::base::Period;
use crate::migration::Chunks;

/// Limits of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Rows of the first chunk.
    pub start: u32,
    /// Fewest rows.
    pub floor: u32,
    /// Most rows.
    pub ceiling: u32,
}

impl From<&Chunks> for ChunkLimits {
    fn from(chunks: &Chunks) -> Self {
        Self {
            start: chunks.rows_start,
            floor: chunks.rows_min,
            ceiling: chunks.rows_max,
        }
    }
}

/// Sizes chunks of one range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize {
    limits: ChunkLimits,
    rows: u32,
}

/// A chunk this many times over its target shrinks the next to a tenth.
const PANIC_FACTOR: u64 = 5;

impl ChunkSize {
    /// Begins with the start size.
    pub fn new(limits: ChunkLimits) -> Self {
        Self {
            limits,
            rows: limits.start.clamp(limits.floor, limits.ceiling),
        }
    }

    /// Rows for the next chunk.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Learns from a committed chunk.
    pub fn took(&mut self, rows: u64, took_ms: u64, target: Period) {
        // A short last chunk says nothing about the speed of a full one.
        if rows < u64::from(self.rows) {
            return;
        }
        let target = target.ms().max(1);
        let took = took_ms.max(1);
        let rows = u64::from(self.rows);
        let next = if took > target * PANIC_FACTOR {
            rows / 10
        } else {
            (rows * target / took).min(rows + rows.div_ceil(2))
        };
        self.set(next);
    }

    /// Learns that we had to give way.
    pub fn yielded(&mut self) {
        self.set(u64::from(self.rows / 2));
    }

    fn set(&mut self, rows: u64) {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.rows = rows.clamp(self.limits.floor, self.limits.ceiling);
    }
}
