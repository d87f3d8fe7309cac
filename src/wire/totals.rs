//! Sums over all shards.

use super::Sign;
use super::telemetry::{ShardTelemetry, Telemetry};
use super::view::{Eta, LagMax, ShardView, Totals};
use crate::rollout::Phase;

pub(super) fn project_totals(shards: &[ShardView], telemetry: &Telemetry) -> Totals {
    let rates = shards.iter().filter_map(|s| s.rows_per_s);
    let counted = counted(shards);
    let at_work: Vec<_> = counted
        .iter()
        .filter(|s| s.is_at_work())
        .filter_map(|s| telemetry.shards.get(&s.name))
        .collect();
    let lags = shards.iter().filter_map(|s| {
        Some(LagMax {
            shard: s.name.clone(),
            lag_ms: s.lag_ms?,
        })
    });
    Totals {
        shards: count(shards.len()),
        failed: count(shards.iter().filter(|s| s.phase == Phase::Failed).count()),
        at_work: count(at_work.len()),
        rows_done: counted.iter().map(|s| s.rows_done).sum(),
        rows_total: counted
            .iter()
            .filter_map(|s| s.rows_total)
            .reduce(u64::saturating_add),
        rows_per_s: rates.reduce(u64::saturating_add),
        eta: eta(&at_work),
        lag_max: lags.max_by_key(|l| l.lag_ms.value),
    }
}

/// Shards in a stage that counts rows: those that are not through it, and
/// those that are done with the very stage that others are still in.
fn counted(shards: &[ShardView]) -> Vec<&ShardView> {
    let counts = |s: &&ShardView| s.rows_total.is_some();
    let busy = |s: &&ShardView| {
        let phases = [Phase::Running, Phase::RollingBack, Phase::Failed];
        counts(s) && phases.contains(&s.phase)
    };
    let stages: Vec<_> = shards.iter().filter(busy).map(|s| s.stop).collect();
    let done = |s: &&ShardView| counts(s) && s.phase == Phase::Done && stages.contains(&s.stop);
    shards.iter().filter(|s| busy(s) || done(s)).collect()
}

impl ShardView {
    /// Whether something moves there now: what is paused does not, and what
    /// does not answer is not known to.
    pub fn is_at_work(&self) -> bool {
        let busy = matches!(self.phase, Phase::Running | Phase::RollingBack);
        busy && !matches!(self.standing.sign, Sign::Paused | Sign::Unknown)
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The slowest shard at work decides. A range, or "measuring", never a lie.
fn eta(at_work: &[&ShardTelemetry]) -> Eta {
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
