//! Moments, as data: only the outermost shell reads a clock.

use crate::base::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
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
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The moment `period` later.
    pub fn after(self, period: Period) -> Self {
        Self(self.0.saturating_add(period.ms()))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    pub fn since(self, earlier: Self) -> Period {
        Period::from_ms(self.0.saturating_sub(earlier.0))
    }

    /// `14:02:31`, UTC.
    pub fn clock(self) -> String {
        let seconds = self.0 / 1_000;
        let (hours, minutes) = ((seconds / 3_600) % 24, (seconds / 60) % 60);
        format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
    }

    /// `11-22 14:02`, UTC: for what lies within days.
    pub fn minute_of_year(self) -> String {
        let text = self.minute();
        text.get(5..).map_or(text.clone(), str::to_owned)
    }

    /// `2026-11-22 14:02`, UTC.
    pub fn minute(self) -> String {
        let text = self.to_string();
        match (text.get(..10), text.get(11..16)) {
            (Some(day), Some(time)) => format!("{day} {time}"),
            _ => text,
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(ms) {
            Ok(moment) => write!(f, "{moment:.3}"),
            // Beyond the year 9999 there is no calendar to print in.
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}
