//! The one place where the engine reads a clock.

use crate::base::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, by this host's clock. Order is by journal number, never by time; no
/// safety property depends on it.
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
