//! Sums over all shards.

use super::telemetry::{ShardTelemetry, Telemetry};
use super::view::{Eta, LagMax, ShardView, Totals};
use crate::rollout::Phase;

pub(super) fn project_totals(shards: &[ShardView], telemetry: &Telemetry) -> Totals {
    let rates = shards.iter().filter_map(|s| s.rows_per_s);
    let totals = shards.iter().filter_map(|s| s.rows_total);
    let lags = shards.iter().filter_map(|s| {
        Some(LagMax {
            shard: s.name.clone(),
            lag_ms: s.lag_ms?,
        })
    });
    Totals {
        shards: count(shards.len()),
        failed: count(shards.iter().filter(|s| s.phase == Phase::Failed).count()),
        rows_done: shards.iter().map(|s| s.rows_done).sum(),
        rows_total: totals.reduce(u64::saturating_add),
        rows_per_s: rates.reduce(u64::saturating_add),
        eta: eta(shards, telemetry),
        lag_max: lags.max_by_key(|l| l.lag_ms.value),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The slowest shard at work decides. A range, or "measuring", never a lie.
fn eta(shards: &[ShardView], telemetry: &Telemetry) -> Eta {
    let at_work = shards
        .iter()
        .filter(|s| s.phase == Phase::Running)
        .filter_map(|s| telemetry.shards.get(&s.name))
        .filter(|t| t.rows_total.is_some());
    let mut range = None;
    for measured in at_work {
        let Some((from, to)) = shard_eta(measured) else {
            return Eta::Measuring;
        };
        range = Some(match range {
            None => (from, to),
            Some((a, b)) => (from.max(a), to.max(b)),
        });
    }
    match range {
        None => Eta::Idle,
        Some((from_s, to_s)) => Eta::Range { from_s, to_s },
    }
}

fn shard_eta(measured: &ShardTelemetry) -> Option<(u64, u64)> {
    let left = measured.rows_total?.saturating_sub(measured.rows_done);
    let rate = measured.rate?;
    let slow = rate.rows_per_s_low.min(rate.rows_per_s_high);
    let fast = rate.rows_per_s_low.max(rate.rows_per_s_high);
    if slow == 0 {
        return None;
    }
    Some((left / fast, left.div_ceil(slow)))
}
