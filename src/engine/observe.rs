//! Turns what shards measure into what the heart observes.

use super::throttle::Throttle;
use crate::base::{ShardName, Timestamp};
use crate::fleet::ThrottleLimits;
use crate::rollout::{Observations, OldForm, Reading};
use crate::shard::Measurement;
use std::collections::BTreeMap;

/// Judges polls of many shards; remembers what hysteresis needs.
pub struct Observer {
    limits: ThrottleLimits,
    throttles: BTreeMap<ShardName, Throttle>,
}

impl Observer {
    /// With the limits of a fleet.
    pub fn new(limits: ThrottleLimits) -> Self {
        Self {
            limits,
            throttles: BTreeMap::new(),
        }
    }

    /// The limits.
    pub fn limits(&self) -> &ThrottleLimits {
        &self.limits
    }

    /// Takes one poll of one shard in.
    pub fn note(
        &mut self,
        observations: &mut Observations,
        shard: &ShardName,
        measured: &[Measurement],
        now: Timestamp,
    ) {
        let throttle = self.throttles.entry(shard.clone()).or_default();
        let reasons = throttle.judge(&self.limits, measured, now);
        let seen = observations.shard_mut(shard);
        seen.throttle = reasons;
        seen.throttle_read_at = Some(now);
        let silent = measured
            .iter()
            .any(|m| m.signal == "primary" && m.value.is_none());
        seen.unreachable_since = silent.then(|| seen.unreachable_since.unwrap_or(now));
        seen.signals.clear();
        seen.unseen.clear();
        for found in measured {
            if found.signal == "old_form_writes" {
                note_old_form(&mut seen.old_form, found, now);
            }
            if found.value.is_none() {
                *seen.unseen.entry(found.signal.clone()).or_default() += 1;
            }
            if let Some(value) = found.value {
                let reading = seen
                    .signals
                    .entry(found.signal.clone())
                    .or_insert(Reading { value, at: now });
                // Of several places the worst one counts.
                reading.value = reading.value.max(value);
            }
        }
    }
}

fn note_old_form(known: &mut Option<OldForm>, found: &Measurement, now: Timestamp) {
    let Some(count) = found.value else { return };
    let quiet_since = match known {
        Some(old) if old.count == count => old.quiet_since,
        _ => now,
    };
    *known = Some(OldForm {
        count,
        quiet_since,
        read_at: now,
        writers: found.place.clone(),
    });
}
