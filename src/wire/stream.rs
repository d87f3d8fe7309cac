//! A view on its way over a wire: one snapshot, then numbered differences.

use super::view::{EventView, FleetView, Header, Need, RingView, ShardView, Totals};
use crate::base::{RingName, ShardName, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a server tells a client, in order. A client that misses a number
/// asks for a new snapshot; it never guesses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Everything.
    Snapshot {
        /// Number of this message.
        seq: u64,
        /// When the view was made.
        at: Timestamp,
        /// The view.
        view: Box<FleetView>,
    },
    /// What changed since message `seq - 1`.
    Delta {
        /// Number of this message.
        seq: u64,
        /// When the view was made.
        at: Timestamp,
        /// The difference.
        delta: Box<Delta>,
    },
    /// Nothing changed; the engine lives.
    Heartbeat {
        /// Number of the last snapshot or delta.
        seq: u64,
        /// When.
        at: Timestamp,
    },
}

/// Changed parts only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// The header, if it changed.
    pub header: Option<Header>,
    /// The totals, if they changed.
    pub totals: Option<Totals>,
    /// Changed and new rings.
    pub rings: Vec<RingView>,
    /// All ring names in order, if that changed.
    pub ring_order: Option<Vec<RingName>>,
    /// Changed and new shards.
    pub shards: Vec<ShardView>,
    /// All shard names in order, if that changed.
    pub shard_order: Option<Vec<ShardName>>,
    /// What needs a person, if it changed.
    pub needs_you: Option<Vec<Need>>,
    /// The feed, if it changed.
    pub events: Option<Feed>,
}

/// How a feed moved on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// So many of the oldest are gone.
    pub gone: usize,
    /// These are new.
    pub new: Vec<EventView>,
}

impl Delta {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What changed from `old` to `new`.
pub fn diff(old: &FleetView, new: &FleetView) -> Delta {
    let (rings, ring_order) = diff_list(&old.rings, &new.rings, |r| &r.name);
    let (shards, shard_order) = diff_list(&old.shards, &new.shards, |s| &s.name);
    Delta {
        header: changed(&old.header, &new.header),
        totals: changed(&old.totals, &new.totals),
        rings,
        ring_order,
        shards,
        shard_order,
        needs_you: changed(&old.needs_you, &new.needs_you),
        events: diff_feed(&old.events, &new.events),
    }
}

/// Brings `view` forward by one difference.
pub fn fold(view: &mut FleetView, delta: Delta) {
    if let Some(header) = delta.header {
        view.header = header;
    }
    if let Some(totals) = delta.totals {
        view.totals = totals;
    }
    fold_list(&mut view.rings, delta.rings, delta.ring_order, |r| &r.name);
    fold_list(&mut view.shards, delta.shards, delta.shard_order, |s| {
        &s.name
    });
    if let Some(needs_you) = delta.needs_you {
        view.needs_you = needs_you;
    }
    if let Some(feed) = delta.events {
        view.events.drain(..feed.gone.min(view.events.len()));
        view.events.extend(feed.new);
    }
}

fn changed<T: PartialEq + Clone>(old: &T, new: &T) -> Option<T> {
    (old != new).then(|| new.clone())
}

fn diff_list<T: PartialEq + Clone, N: Ord + Clone>(
    old: &[T],
    new: &[T],
    name: impl Fn(&T) -> &N,
) -> (Vec<T>, Option<Vec<N>>) {
    let same_order = old.iter().map(&name).eq(new.iter().map(&name));
    if same_order {
        let pairs = old.iter().zip(new).filter(|(a, b)| a != b);
        return (pairs.map(|(_, b)| b.clone()).collect(), None);
    }
    let known: BTreeMap<&N, &T> = old.iter().map(|item| (name(item), item)).collect();
    let moved = new
        .iter()
        .filter(|item| known.get(name(item)) != Some(item))
        .cloned()
        .collect();
    (
        moved,
        Some(new.iter().map(|item| name(item).clone()).collect()),
    )
}

fn fold_list<T, N: Ord + Clone>(
    list: &mut Vec<T>,
    changed: Vec<T>,
    order: Option<Vec<N>>,
    name: impl Fn(&T) -> &N,
) {
    if changed.is_empty() && order.is_none() {
        return;
    }
    let changed = match order {
        Some(_) => changed,
        None => in_order(list, changed, &name),
    };
    let mut changed: BTreeMap<N, T> = changed
        .into_iter()
        .map(|item| (name(&item).clone(), item))
        .collect();
    let Some(order) = order else {
        if changed.is_empty() {
            return;
        }
        for item in list.iter_mut() {
            if let Some(newer) = changed.remove(name(item)) {
                *item = newer;
            }
        }
        return;
    };
    let mut known: BTreeMap<N, T> = list
        .drain(..)
        .map(|item| (name(&item).clone(), item))
        .collect();
    list.extend(
        order
            .into_iter()
            .filter_map(|n| changed.remove(&n).or_else(|| known.remove(&n))),
    );
}

/// Puts what stands in the order of the list in its place, in one pass; gives
/// back what does not.
fn in_order<T, N: PartialEq>(list: &mut [T], changed: Vec<T>, name: impl Fn(&T) -> &N) -> Vec<T> {
    let mut changed = changed.into_iter().peekable();
    for item in list.iter_mut() {
        if let Some(newer) = changed.next_if(|newer| name(newer) == name(item)) {
            *item = newer;
        }
    }
    changed.collect()
}

fn diff_feed(old: &[EventView], new: &[EventView]) -> Option<Feed> {
    if old == new {
        return None;
    }
    let kept = (0..=old.len())
        .find(|gone| new.starts_with(&old[*gone..]))
        .unwrap_or(old.len());
    Some(Feed {
        gone: kept,
        new: new[old.len() - kept..].to_vec(),
    })
}
