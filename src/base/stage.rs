//! Stages, and the stops a shard makes on its way through them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The stages of a rollout, in order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Checks only; nothing is written.
    Preflight,
    /// A way back outside pilothouse is there, as policy demands.
    Snapshot,
    /// New columns, tables and indexes that nobody uses yet.
    Expand,
    /// The trigger writes both forms, authority `old`.
    DualWrite,
    /// Existing rows get the new form.
    Backfill,
    /// Constraints are validated, every row is compared.
    Verify,
    /// Authority `both`; reads and writes move by flag.
    Shift,
    /// The old form is retired, then dropped.
    Contract,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 8] = [
        Self::Preflight,
        Self::Snapshot,
        Self::Expand,
        Self::DualWrite,
        Self::Backfill,
        Self::Verify,
        Self::Shift,
        Self::Contract,
    ];

    /// The word used in files, on screens and in the journal.
    pub fn word(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Snapshot => "snapshot",
            Self::Expand => "expand",
            Self::DualWrite => "dual_write",
            Self::Backfill => "backfill",
            Self::Verify => "verify",
            Self::Shift => "shift",
            Self::Contract => "contract",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// The text names no stage or stop.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "not a stage; one of preflight, snapshot, expand, dual_write, backfill, verify, shift, shift:PERCENT, retire, drop, contract"
)]
pub struct StopError;

impl FromStr for Stage {
    type Err = StopError;

    fn from_str(text: &str) -> Result<Self, StopError> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.word() == text)
            .ok_or(StopError)
    }
}

/// One place where a shard can stand. `shift` has a stop per percentage and
/// `contract` has two; every other stage is one stop. A promotion always
/// admits a ring to exactly the next stop.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schemars(extend("pattern" = "^(preflight|snapshot|expand|dual_write|backfill|verify|shift|shift:([1-9][0-9]?|100)|retire|drop|contract)$"))]
pub enum Stop {
    /// See [`Stage::Preflight`].
    Preflight,
    /// See [`Stage::Snapshot`].
    Snapshot,
    /// See [`Stage::Expand`].
    Expand,
    /// See [`Stage::DualWrite`].
    DualWrite,
    /// See [`Stage::Backfill`].
    Backfill,
    /// See [`Stage::Verify`].
    Verify,
    /// This share of reads and writes, in percent, uses the new form.
    Shift(u8),
    /// Old clients are quiet; authority `new`; still reversible.
    Retire,
    /// What `down` replaced is exported and dropped.
    Drop,
}

impl Stop {
    /// The stage this stop belongs to.
    pub fn stage(self) -> Stage {
        match self {
            Self::Preflight => Stage::Preflight,
            Self::Snapshot => Stage::Snapshot,
            Self::Expand => Stage::Expand,
            Self::DualWrite => Stage::DualWrite,
            Self::Backfill => Stage::Backfill,
            Self::Verify => Stage::Verify,
            Self::Shift(_) => Stage::Shift,
            Self::Retire | Self::Drop => Stage::Contract,
        }
    }

    /// The share of reads and writes that uses the new form here, in percent.
    pub fn share_percent(self) -> u8 {
        match self {
            Self::Shift(percent) => percent,
            Self::Retire | Self::Drop => 100,
            _ => 0,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shift(percent) => f.pad(&format!("shift:{percent}")),
            Self::Retire => f.pad("retire"),
            Self::Drop => f.pad("drop"),
            other => f.pad(other.stage().word()),
        }
    }
}

impl FromStr for Stop {
    type Err = StopError;

    fn from_str(text: &str) -> Result<Self, StopError> {
        if let Some(percent) = text.strip_prefix("shift:") {
            return match percent.parse::<u8>() {
                Ok(percent) if (1..=100).contains(&percent) => Ok(Self::Shift(percent)),
                _ => Err(StopError),
            };
        }
        match text {
            "preflight" => Ok(Self::Preflight),
            "snapshot" => Ok(Self::Snapshot),
            "expand" => Ok(Self::Expand),
            "dual_write" => Ok(Self::DualWrite),
            "backfill" => Ok(Self::Backfill),
            "verify" => Ok(Self::Verify),
            "shift" => Ok(Self::Shift(100)),
            "retire" => Ok(Self::Retire),
            "drop" | "contract" => Ok(Self::Drop),
            _ => Err(StopError),
        }
    }
}

impl From<Stop> for String {
    fn from(stop: Stop) -> Self {
        stop.to_string()
    }
}

impl TryFrom<String> for Stop {
    type Error = StopError;

    fn try_from(text: String) -> Result<Self, StopError> {
        text.parse()
    }
}
