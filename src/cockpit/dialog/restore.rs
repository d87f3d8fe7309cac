//! What a merge restore would give: counted before anybody confirms it.

use super::prepare::{Target, shards_of};
use crate::base::{Period, Timestamp};
use crate::cockpit::model::Model;
use crate::wire::{RestoreCount, Restored, ShardView, WayBack, words};

/// A count older than this when the question opens is made again.
const FRESH: Period = Period::from_ms(60_000);
/// Shards that are named with their own figures.
const NAMED_MAX: usize = 4;

/// What the question can say of it by now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// For the operator.
    pub lines: Vec<String>,
    /// Shards nobody has asked yet.
    pub unasked: usize,
    /// Shards that are not counted yet, those among them.
    pub open: usize,
}

/// Shards of these targets that a roll back takes through a merge restore.
pub(super) fn dropped<'a>(model: &'a Model, targets: &[Target]) -> Vec<&'a ShardView> {
    let mut shards: Vec<&ShardView> = targets
        .iter()
        .flat_map(|target| shards_of(model, &target.scope))
        .filter(|shard| shard.way_back == WayBack::MergeRestore)
        .collect();
    shards.dedup_by(|a, b| a.name == b.name);
    shards
}

/// Sums up what the shards have counted; `None` if nothing was dropped.
pub(super) fn outlook(model: &Model, targets: &[Target], opened: Timestamp) -> Option<Outlook> {
    let shards = dropped(model, targets);
    if shards.is_empty() {
        return None;
    }
    let mut outlook = Outlook::default();
    let mut sum = Restored::default();
    let mut by_down = Vec::new();
    let mut failed = Vec::new();
    let mut counted = String::new();
    let mut oldest: Option<Timestamp> = None;
    for shard in &shards {
        let fresh = |c: &&RestoreCount| opened.since(c.at()) < FRESH;
        match shard.restore.as_ref().filter(fresh) {
            None => outlook.unasked += 1,
            Some(RestoreCount::Counting { .. }) => outlook.open += 1,
            Some(RestoreCount::Failed { why, .. }) => {
                failed.push(format!("{}: not counted: {why}", shard.name));
            }
            Some(RestoreCount::Counted { restored, at }) => {
                sum = sum.plus(*restored);
                oldest = Some(oldest.map_or(*at, |o| o.min(*at)));
                if restored.down > 0 {
                    by_down.push((restored.down, &shard.name));
                }
            }
        }
    }
    outlook.open += outlook.unasked;
    if outlook.open > 0 {
        let done = shards.len() - outlook.open;
        outlook.lines.push(format!(
            "counting: {done} of {} counted",
            words::shards(shards.len())
        ));
    }
    if let Some(at) = oldest {
        outlook.lines.push(format!(
            "exported values on {} rows, down(new) on {}",
            words::grouped(sum.exported),
            words::grouped(sum.down),
        ));
        counted = format!("counted {}", at.clock());
    }
    by_down.sort_by(|a, b| b.cmp(a));
    if shards.len() > 1 && !by_down.is_empty() {
        let named = by_down.iter().take(NAMED_MAX);
        let named: Vec<String> = named
            .map(|(n, s)| format!("{s} {}", words::grouped(*n)))
            .collect();
        let more = match by_down.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        counted = format!("down(new) on {}{more}; {counted}", named.join(", "));
    }
    if !counted.is_empty() {
        outlook.lines.push(counted);
    }
    outlook.lines.extend(failed.into_iter().take(2));
    Some(outlook)
}
