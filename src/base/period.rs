//! Lengths of time as files spell them: `250ms`, `15s`, `15m`, `2h`, `7d`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time in whole milliseconds.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schemars(extend("pattern" = "^[0-9]{1,9}(ms|s|m|h|d)$"))]
pub struct Period(u64);

/// The text is not a length of time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a length of time is a whole number and one of ms, s, m, h, d, such as \"15m\"")]
pub struct PeriodError;

/// Units from the largest, so that printing finds the one that fits.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Period {
    /// From milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// In milliseconds.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// For timers.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .ok_or(PeriodError)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| PeriodError)?;
        let (_, ms) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(PeriodError)?;
        number.checked_mul(*ms).map(Self).ok_or(PeriodError)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = UNITS
            .iter()
            .find(|(_, ms)| self.0 >= *ms && self.0.is_multiple_of(*ms));
        match fits {
            Some((unit, ms)) => write!(f, "{}{unit}", self.0 / ms),
            None => f.write_str("0s"),
        }
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}
