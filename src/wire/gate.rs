//! A gate as a screen shows it: moments instead of ages.

use crate::base::Timestamp;
use crate::rollout::{Gate, GateReading, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One gate before a ring's next stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateView {
    /// Which gate.
    pub gate: Gate,
    /// What it says.
    pub verdict: Verdict,
    /// The value it saw.
    pub value: String,
    /// The limit it holds the value to.
    pub limit: String,
    /// When the value was read; `None` means it is in the record.
    pub read_at: Option<Timestamp>,
    /// When waiting alone will clear it.
    pub clears_at: Option<Timestamp>,
}

impl GateView {
    /// A reading taken at `now`.
    pub(super) fn of(reading: &GateReading, now: Timestamp) -> Self {
        let read_at = (reading.age_ms > 0).then(|| Timestamp(now.0.saturating_sub(reading.age_ms)));
        // The heart counts down; a view that did would change all the time.
        let value = match (reading.clears_at, reading.gate, read_at) {
            (Some(at), Gate::Soak | Gate::RingOrder, _) => {
                format!("the soak ends at {}", at.clock())
            }
            (None, Gate::FreshVerify, Some(at)) => format!("the oldest is of {}", at.clock()),
            _ => reading.value.clone(),
        };
        Self {
            gate: reading.gate,
            verdict: reading.verdict,
            value,
            limit: reading.limit.clone(),
            read_at,
            clears_at: reading.clears_at,
        }
    }
}

impl fmt::Display for GateView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, limit, .. } = self;
        write!(f, "{}: {value} (needs {limit})", self.gate.word())
    }
}
