//! Which form a key uses at a given share: pure and sticky.

use crate::base::Digest;
use serde::{Deserialize, Serialize};

/// The form of a row that a read uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadForm {
    /// The columns from before the migration.
    Old,
    /// The columns that the migration adds.
    New,
}

/// The form of a row that a write uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteForm {
    /// The columns from before the migration.
    Old,
    /// The columns that the migration adds.
    New,
}

/// How much of the traffic uses the new form, in percent of the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "RawShare")]
pub struct Share {
    /// Reads.
    #[serde(rename = "reads")]
    pub reads_percent: u8,
    /// Writes.
    #[serde(rename = "writes")]
    pub writes_percent: u8,
}

/// A share is more than everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a share is 0 to 100 percent, not {0}")]
pub struct ShareError(pub u8);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawShare {
    reads: u8,
    writes: u8,
}

impl TryFrom<RawShare> for Share {
    type Error = ShareError;

    fn try_from(raw: RawShare) -> Result<Self, ShareError> {
        Self {
            reads_percent: raw.reads,
            writes_percent: raw.writes,
        }
        .checked()
    }
}

impl Share {
    /// Nothing uses the new form.
    pub const NONE: Self = Self::of(0);

    /// The same percentage of reads and of writes.
    pub const fn of(percent: u8) -> Self {
        Self {
            reads_percent: percent,
            writes_percent: percent,
        }
    }

    /// Refuses more than 100 percent.
    pub fn checked(self) -> Result<Self, ShareError> {
        match self.reads_percent.max(self.writes_percent) {
            0..=100 => Ok(self),
            more => Err(ShareError(more)),
        }
    }

    /// The forms that a key uses. The same key always gets the same answer at
    /// the same share, and never goes back while the share rises.
    pub fn forms(self, key: &str) -> (ReadForm, WriteForm) {
        let place = bucket(key);
        let read = match place < self.reads_percent {
            true => ReadForm::New,
            false => ReadForm::Old,
        };
        let write = match place < self.writes_percent {
            true => WriteForm::New,
            false => WriteForm::Old,
        };
        (read, write)
    }
}

/// Where a key stands among the hundred: the first eight bytes of
/// `SHA-256("pilothouse/flag\n" ‖ key)`, big-endian, modulo 100. It depends on
/// nothing else, so every client and every shard agrees.
pub fn bucket(key: &str) -> u8 {
    let digest = Digest::of("flag", &[key.as_bytes()]);
    let mut head = [0u8; 8];
    head.copy_from_slice(&digest.bytes()[..8]);
    // A remainder of 100 always fits.
    (u64::from_be_bytes(head) % 100) as u8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_spread_evenly_over_the_hundred() {
        let mut seen = [0u32; 100];
        for key in 0..100_000 {
            seen[usize::from(bucket(&key.to_string()))] += 1;
        }
        // Expected 1,000 each, standard deviation 31: six of them is far out.
        assert!(seen.iter().all(|n| (810..=1_190).contains(n)), "{seen:?}");
    }

    #[test]
    fn a_share_moves_about_that_share_of_the_keys() {
        for percent in [0u8, 1, 10, 50, 100] {
            let moved = (0..20_000)
                .filter(|key| Share::of(percent).forms(&key.to_string()).1 == WriteForm::New)
                .count() as f64;
            let wanted = f64::from(percent) * 200.0;
            assert!((moved - wanted).abs() <= 220.0, "{percent} % moved {moved}");
        }
        assert_eq!(
            Share::of(0).forms("7"),
            (ReadForm::Old, WriteForm::Old),
            "0 % moves nobody"
        );
    }

    #[test]
    fn a_key_never_goes_back_while_the_share_rises() {
        for key in 0..500 {
            let key = key.to_string();
            let mut was_new = false;
            for percent in 0..=100 {
                let new = Share::of(percent).forms(&key).0 == ReadForm::New;
                assert!(new || !was_new, "key {key} went back at {percent} %");
                was_new = new;
            }
            assert!(was_new, "100 % moves everybody");
        }
    }

    #[test]
    fn more_than_everything_is_refused() {
        assert_eq!(Share::of(101).checked(), Err(ShareError(101)));
        assert!(serde_json::from_str::<Share>(r#"{"reads":101,"writes":1}"#).is_err());
        assert!(serde_json::from_str::<Share>(r#"{"reads":1,"writes":1,"x":1}"#).is_err());
    }
}
