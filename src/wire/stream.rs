//! A view on its way over a wire: one snapshot, then numbered differences.

use super::view::{EventView, FleetView, Header, Need, RingView, ShardView, Totals};
use crate::base::{RingName, ShardName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a server tells a client, in order. A client that misses a number
/// asks for a new snapshot; it never guesses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// The header, if it changed.
    pub header: Option<Header>,
    /// The totals, if they changed.
    pub totals: Option<Totals>,
    /// Changed and new rings, each with its place in the new list.
    pub rings: Vec<(usize, RingView)>,
    /// All ring names in order, if that changed.
    pub ring_order: Option<Vec<RingName>>,
    /// Changed and new shards, each with its place in the new list.
    pub shards: Vec<(usize, ShardView)>,
    /// All shard names in order, if that changed.
    pub shard_order: Option<Vec<ShardName>>,
    /// What needs a person, if it changed.
    pub needs_you: Option<Vec<Need>>,
    /// The feed, if it changed.
    pub events: Option<Feed>,
}

/// How a feed moved on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// Which shards a difference touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// Those at these places; all others stand where and as they stood.
    Places(Vec<usize>),
    /// The list is another one.
    Order,
}

/// The difference was not made from this view, and nothing of it was taken: ask
/// for a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the difference was made from another view")]
pub struct Foreign;

/// Brings `view` forward by one difference.
///
/// # Errors
/// [`Foreign`].
pub fn fold(view: &mut FleetView, delta: Delta) -> Result<Touched, Foreign> {
    let Delta {
        header,
        totals,
        rings,
        ring_order,
        shards,
        shard_order,
        needs_you,
        events,
    } = delta;
    fits(&view.rings, &rings, ring_order.as_deref(), |r| &r.name)?;
    fits(&view.shards, &shards, shard_order.as_deref(), |s| &s.name)?;
    fold_list(&mut view.rings, rings, ring_order, |r| &r.name);
    let touched = fold_list(&mut view.shards, shards, shard_order, |s| &s.name);
    if let Some(header) = header {
        view.header = header;
    }
    if let Some(totals) = totals {
        view.totals = totals;
    }
    if let Some(needs_you) = needs_you {
        view.needs_you = needs_you;
    }
    if let Some(feed) = events {
        view.events.drain(..feed.gone.min(view.events.len()));
        view.events.extend(feed.new);
    }
    Ok(touched)
}

fn changed<T: PartialEq + Clone>(old: &T, new: &T) -> Option<T> {
    (old != new).then(|| new.clone())
}

/// Items with their places, and the names in order if that changed.
type Difference<T, N> = (Vec<(usize, T)>, Option<Vec<N>>);

fn diff_list<T: PartialEq + Clone, N: Ord + Clone>(
    old: &[T],
    new: &[T],
    name: impl Fn(&T) -> &N,
) -> Difference<T, N> {
    let placed = new.iter().enumerate();
    let same_order = old.iter().map(&name).eq(new.iter().map(&name));
    if same_order {
        let pairs = placed.zip(old).filter(|((_, b), a)| a != b);
        let moved = pairs.map(|((place, b), _)| (place, b.clone()));
        return (moved.collect(), None);
    }
    let known: BTreeMap<&N, &T> = old.iter().map(|item| (name(item), item)).collect();
    let moved = placed
        .filter(|(_, item)| known.get(name(item)) != Some(item))
        .map(|(place, item)| (place, item.clone()))
        .collect();
    let order = new.iter().map(|item| name(item).clone()).collect();
    (moved, Some(order))
}

/// Whether a list can become the new one by this difference.
fn fits<T, N: Ord>(
    list: &[T],
    changed: &[(usize, T)],
    order: Option<&[N]>,
    name: impl Fn(&T) -> &N,
) -> Result<(), Foreign> {
    let fits = match order {
        None => changed.iter().all(|(place, newer)| {
            let item = list.get(*place);
            item.is_some_and(|item| name(item) == name(newer))
        }),
        Some(order) => {
            let known = list.iter().chain(changed.iter().map(|(_, newer)| newer));
            let known: BTreeSet<&N> = known.map(&name).collect();
            let wanted: BTreeSet<&N> = order.iter().collect();
            wanted.len() == order.len() && wanted.is_subset(&known)
        }
    };
    if fits { Ok(()) } else { Err(Foreign) }
}

/// The list becomes the new one; it [`fits`].
fn fold_list<T, N: Ord + Clone>(
    list: &mut Vec<T>,
    changed: Vec<(usize, T)>,
    order: Option<Vec<N>>,
    name: impl Fn(&T) -> &N,
) -> Touched {
    let Some(order) = order else {
        let places = changed.into_iter().filter_map(|(place, newer)| {
            *list.get_mut(place)? = newer;
            Some(place)
        });
        return Touched::Places(places.collect());
    };
    let known = list.drain(..).map(|item| (name(&item).clone(), item));
    let mut known: BTreeMap<N, T> = known.collect();
    for (_, newer) in changed {
        known.insert(name(&newer).clone(), newer);
    }
    list.extend(order.iter().filter_map(|wanted| known.remove(wanted)));
    Touched::Order
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
