//! What must hold after every committed transaction, and at the end.

use crate::base::ShardName;
use crate::rollout::{Outcome, Phase, Rollout, Tally};
use crate::shard::sim::{Authority, Image, Schema, SimServer, coverage_gap, up};
use crate::worker::{Op, ShardCall};

/// A promise and what was seen instead.
pub(super) type Finding = (&'static str, String);

/// After every committed transaction.
pub(super) fn judge(image: &Image) -> Option<Finding> {
    notes(image)
        .or_else(|| both_forms(image))
        .or_else(|| ledger(image))
}

fn notes(image: &Image) -> Option<Finding> {
    for (id, table) in image.ours.iter().flat_map(|ours| &ours.jobs) {
        if let Some(gap) = coverage_gap(table) {
            return Some(("I1", format!("{id}: {gap}")));
        }
        let falls = table.log.windows(2).find(|w| w[1].epoch < w[0].epoch);
        if let Some(pair) = falls {
            let what = format!("{id}: epoch {} after {}", pair[1].epoch, pair[0].epoch);
            return Some(("I8", what));
        }
    }
    None
}

fn both_forms(image: &Image) -> Option<Finding> {
    let intact = image.firing().is_some() && image.dual_write_broken().is_none();
    if !intact {
        return None;
    }
    let fill = image.ours.as_ref().and_then(|ours| ours.jobs.get("fill"));
    let filled = |key: i64| {
        fill.is_some_and(|table| {
            let mut ranges = table.ranges.iter();
            ranges.any(|range| key > range.low && key <= range.cursor() && key <= range.high)
        })
    };
    image
        .rows
        .iter()
        .filter(|(key, _)| !image.ghost.corrupt.contains(key))
        // While a drop is being undone the old form comes back row by row.
        .filter(|(_, row)| row.old.is_some())
        .find(|(key, row)| !row.agrees() && (image.ghost.fresh.contains(key) || filled(**key)))
        .map(|(key, row)| ("I3", format!("row {key} is {row:?}")))
}

fn ledger(image: &Image) -> Option<Finding> {
    if image.rows.len() != image.ghost.ledger.len() {
        let what = format!(
            "{} rows, {} acknowledged",
            image.rows.len(),
            image.ghost.ledger.len()
        );
        return Some(("I4", what));
    }
    let authority = image.schema.trigger.map(|t| t.authority);
    for (key, value) in &image.ghost.ledger {
        if image.ghost.exempt.contains(key) || image.ghost.corrupt.contains(key) {
            continue;
        }
        let Some(row) = image.rows.get(key) else {
            return Some(("I4", format!("row {key} is gone")));
        };
        let old_right = row.old == Some(*value);
        let new_right = row.new == Some(up(*value));
        let right = match (image.schema.old_column, authority) {
            (false, _) => new_right,
            (true, Some(Authority::New)) => new_right && (old_right || row.old.is_none()),
            (true, _) => old_right,
        };
        if !right {
            let what = format!("row {key} is {row:?}, acknowledged was {value}");
            return Some(("I4", what));
        }
    }
    None
}

/// Rows that are not the same in both forms, damaged ones left out.
pub(super) fn stale_rows(image: &Image) -> usize {
    image
        .rows
        .iter()
        .filter(|(key, row)| !row.agrees() && !image.ghost.corrupt.contains(key))
        .count()
}

/// Before a call that commits: does the shard belong to whoever asks?
pub(super) fn deposed(image: &Image, call: &ShardCall) -> Option<Finding> {
    let fence = image.ours.as_ref().map_or(0, |ours| ours.epoch);
    let takes_over = matches!(call.op, Op::TakeOver { .. });
    (!takes_over && call.epoch != fence).then(|| {
        let what = format!(
            "{:?} by epoch {} took effect under {fence}",
            call.op, call.epoch
        );
        ("I8", what)
    })
}

/// Before the old form is dropped: was every row proved just now?
pub(super) fn drop_is_proved(image: &Image) -> Option<Finding> {
    let proof = image.ours.as_ref().and_then(|ours| ours.jobs.get("proof"));
    let closed = proof.is_some_and(|table| table.ranges.iter().all(|range| range.closed));
    let stale = stale_rows(image);
    (!closed || stale > 0).then(|| {
        let what = format!("dropped with proof closed: {closed}, stale rows: {stale}");
        ("I12", what)
    })
}

/// What a ring counts is what its shards say.
pub(super) fn tallies_right(rollout: &Rollout) -> bool {
    rollout.rings.values().all(|ring| {
        let shards = ring.shards.iter().filter_map(|n| rollout.shards.get(n));
        let reached = shards.map(|shard| shard.reached(&rollout.opening));
        Tally::count(reached) == ring.tally
    })
}

/// When the rollout is over.
pub(super) fn judge_end(
    rollout: &Rollout,
    name: &ShardName,
    server: &SimServer,
) -> Option<Finding> {
    let phase = rollout.shards.get(name).map(|shard| shard.phase)?;
    // Nobody has looked since the shard lost commits: nobody can know.
    if server.has_unseen_loss() || phase == Phase::Abandoned {
        return None;
    }
    let image = server.image();
    let schema = image.schema;
    if phase == Phase::RolledBack {
        let rows_clean = image.rows.values().all(|row| row.new.is_none());
        return (schema != Schema::BEFORE || !rows_clean)
            .then(|| ("I11", format!("{name} was rolled back but is {schema:?}")));
    }
    let dropped = schema.new_column && !schema.old_column && schema.trigger.is_none();
    match rollout.outcome {
        Some(Outcome::Done) if !dropped => {
            Some(("end", format!("{name} is done but is {schema:?}")))
        }
        Some(Outcome::Aborted) => Some(("end", format!("{name} is {phase:?} after the abort"))),
        _ => None,
    }
}
