//! What the engine tells a worker before every step.

use crate::base::{Period, Timestamp};
use crate::rollout::ThrottleReason;

/// Whether the worker may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Yes.
    Go,
    /// Not now; keep everything.
    Pause,
    /// Leave: something else is wanted of this shard.
    Leave,
}

/// Read by the worker before each call; never stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Whether to go on.
    pub run: Run,
    /// Every reason why chunks wait; empty means open.
    pub throttle: Vec<ThrottleReason>,
    /// Wanted time of one chunk.
    pub target: Period,
    /// Most rows per second on this shard.
    pub rows_per_s_max: Option<u64>,
    /// The moment, by the host's clock.
    pub now: Timestamp,
}

/// Why a worker waits, for the screens.
#[derive(Clone, Debug, PartialEq)]
pub enum WaitReason {
    /// Paused by a person or a rule.
    Paused,
    /// The throttle is closed.
    Throttled,
    /// The rows-per-second cap.
    Rate,
    /// Backing off after an error.
    BackOff {
        /// The error's code.
        code: String,
        /// Which attempt comes next.
        attempt: u32,
    },
    /// A check is not yet good.
    Check {
        /// What was found.
        value: String,
    },
    /// Clients have not seen the flag yet.
    Clients {
        /// Who.
        behind: Vec<String>,
    },
}
