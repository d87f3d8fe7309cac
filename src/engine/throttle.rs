//! Judges throttle signals: all reasons, with hysteresis, closed when unknown.
//!
//! Pure: measurements and time come in.

use crate::base::Timestamp;
use crate::fleet::ThrottleLimits;
use crate::rollout::ThrottleReason;
use crate::shard::Measurement;
use std::collections::BTreeMap;

/// A closed signal opens again below this share of its limit, in percent.
const REOPEN_PERCENT: u64 = 80;

/// The throttle of one shard.
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    /// Closed signals, by signal and place, and since when.
    closed: BTreeMap<(String, String), Timestamp>,
}

impl Throttle {
    /// Judges one poll.
    pub fn judge(
        &mut self,
        limits: &ThrottleLimits,
        measured: &[Measurement],
        now: Timestamp,
    ) -> Vec<ThrottleReason> {
        let mut reasons = Vec::new();
        let mut still = BTreeMap::new();
        for found in measured {
            let Some((limit, sense)) = limit_of(limits, &found.signal) else {
                continue;
            };
            let key = (found.signal.clone(), found.place.clone());
            let was = self.closed.get(&key).copied();
            let closed = found
                .value
                .is_none_or(|value| sense.is_over(value, limit, was.is_some()));
            if closed {
                let since = was.unwrap_or(now);
                still.insert(key, since);
                reasons.push(ThrottleReason {
                    signal: found.signal.clone(),
                    place: found.place.clone(),
                    value: found.value,
                    limit,
                    since,
                });
            }
        }
        if let Some(reason) = self.unseen_disk(limits, measured, now) {
            still.insert((reason.signal.clone(), reason.place.clone()), reason.since);
            reasons.push(reason);
        }
        self.closed = still;
        reasons
    }

    /// A limit on free disk space that nobody can read is a closed throttle,
    /// not a forgotten one.
    fn unseen_disk(
        &self,
        limits: &ThrottleLimits,
        measured: &[Measurement],
        now: Timestamp,
    ) -> Option<ThrottleReason> {
        let limit = limits.disk_free_bytes?;
        let signal = "disk_free_bytes".to_owned();
        if measured.iter().any(|found| found.signal == signal) {
            return None;
        }
        let place = "not visible on this kind of shard".to_owned();
        let key = (signal, place);
        let since = self.closed.get(&key).copied().unwrap_or(now);
        let (signal, place) = key;
        Some(ThrottleReason {
            signal,
            place,
            value: None,
            limit,
            since,
        })
    }

    /// What to say when no poll has come for too long.
    pub fn stale(limits: &ThrottleLimits, since: Timestamp) -> ThrottleReason {
        ThrottleReason {
            signal: "throttle_poll_ms".into(),
            place: "engine".into(),
            value: None,
            limit: limits.stale_after.ms(),
            since,
        }
    }
}

/// Which side of the limit is bad.
#[derive(Clone, Copy)]
pub(super) enum Sense {
    High,
    Low,
}

impl Sense {
    fn is_over(self, value: u64, limit: u64, was_closed: bool) -> bool {
        match self {
            Self::High if was_closed => value > limit * REOPEN_PERCENT / 100,
            Self::High => value > limit,
            Self::Low if was_closed => value < limit * 100 / REOPEN_PERCENT,
            Self::Low => value < limit,
        }
    }
}

/// The limit of a signal; `None` if it is not watched.
pub(super) fn limit_of(limits: &ThrottleLimits, signal: &str) -> Option<(u64, Sense)> {
    match signal {
        // Whether the primary answers at all is always watched.
        "primary" => Some((0, Sense::High)),
        "replica_lag_ms" => limits.replica_lag.map(|p| (p.ms(), Sense::High)),
        "active_sessions" => limits.active_sessions.map(|n| (n, Sense::High)),
        "slot_wal_bytes" => limits.slot_wal_bytes.map(|n| (n, Sense::High)),
        "oldest_transaction_ms" => limits.oldest_transaction.map(|p| (p.ms(), Sense::High)),
        "archive_segments" => limits.archive_segments.map(|n| (n, Sense::High)),
        "disk_free_bytes" => limits.disk_free_bytes.map(|n| (n, Sense::Low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Period;

    #[test]
    fn a_limit_that_nobody_can_read_closes() {
        let mut limits = ThrottleLimits {
            poll: Period::from_ms(500),
            stale_after: Period::from_ms(3_000),
            replica_lag: None,
            active_sessions: None,
            slot_wal_bytes: None,
            oldest_transaction: None,
            archive_segments: None,
            disk_free_bytes: Some(1),
        };
        let closed = Throttle::default().judge(&limits, &[], Timestamp(1));
        assert_eq!(closed.len(), 1);
        assert_eq!(closed[0].value, None);
        limits.disk_free_bytes = None;
        assert!(
            Throttle::default()
                .judge(&limits, &[], Timestamp(1))
                .is_empty()
        );
    }
}
