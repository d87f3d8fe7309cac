//! Which rows there are and which one is in focus. Derived when the view or
//! the filter changes, never per frame.

use super::Model;
use super::filter::Filter;
use super::order::{Order, Rank};
use crate::base::{RingName, ShardName};
use crate::wire::{RingView, Scope, ShardView};

/// A row of the ring pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FleetRow {
    /// The fleet as a whole.
    Fleet,
    /// One ring.
    Ring(RingName),
}

impl Model {
    /// Shards that pass the filter, in order.
    pub fn shown_shards(&self) -> impl ExactSizeIterator<Item = &ShardView> {
        let shards = self.view().map_or(&[][..], |v| &v.shards);
        self.visible.iter().map(move |place| &shards[*place])
    }

    /// Shown shards from `from`, at most `count`.
    pub fn shard_window(&self, from: usize, count: usize) -> Vec<&ShardView> {
        let shards = self.view().map_or(&[][..], |v| &v.shards);
        let end = (from + count).min(self.visible.len());
        self.visible[from.min(end)..end]
            .iter()
            .filter_map(|place| shards.get(*place))
            .collect()
    }

    /// How many shards are shown.
    pub fn shown_count(&self) -> usize {
        self.visible.len()
    }

    /// The shard in focus.
    pub fn focused_shard(&self) -> Option<&ShardView> {
        self.shard_named(self.shard.as_ref()?)
    }

    /// Its row.
    pub fn shard_row(&self) -> Option<usize> {
        let here = self.place_of(self.shard.as_ref()?)?;
        self.visible.iter().position(|place| *place == here)
    }

    /// A shard by name.
    pub fn shard_named(&self, name: &ShardName) -> Option<&ShardView> {
        self.view()?.shards.get(self.place_of(name)?)
    }

    /// Where a shard stands in the view. What is remembered is checked: an
    /// order that has changed costs a search, never a wrong shard.
    fn place_of(&self, name: &ShardName) -> Option<usize> {
        let shards = &self.view()?.shards;
        let is_it = |place: &usize| shards.get(*place).is_some_and(|s| s.name == *name);
        let known = self.places.get(name).copied().filter(is_it);
        known.or_else(|| shards.iter().position(|s| s.name == *name))
    }

    /// Where a shard stands in the newest view, which may not be the one on the
    /// screen.
    pub(in crate::cockpit) fn live_place_of(&self, name: &ShardName) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The list of shards is another one: remembers where each stands.
    pub(in crate::cockpit) fn remember_places(&mut self) {
        let shards = self.live.as_ref().map_or(&[][..], |view| &view.shards);
        let before: Vec<Option<usize>> = shards
            .iter()
            .map(|shard| self.places.get(&shard.name).copied())
            .collect();
        let stood = before.iter().copied().eq((0..self.places.len()).map(Some));
        if stood {
            return;
        }
        self.history.reorder(&before);
        self.places = shards
            .iter()
            .enumerate()
            .map(|(place, shard)| (shard.name.clone(), place))
            .collect();
    }

    /// A ring by name.
    pub fn ring_named(&self, name: &RingName) -> Option<&RingView> {
        self.view()?.rings.iter().find(|r| r.name == *name)
    }

    /// Row of the ring pane in focus; the fleet is row 0.
    pub fn ring_row(&self) -> usize {
        let rings = self.view().map_or(&[][..], |v| &v.rings);
        match &self.ring {
            FleetRow::Fleet => 0,
            FleetRow::Ring(name) => rings
                .iter()
                .position(|r| r.name == *name)
                .map_or(0, |place| place + 1),
        }
    }

    /// The version of a scope on the screen; `None` if it is not there.
    pub fn version_of(&self, scope: &Scope) -> Option<u64> {
        match scope {
            Scope::Fleet => self.rollout().map(|r| r.version),
            Scope::Ring(name) => self.ring_named(name).map(|r| r.version),
            Scope::Shard(name) => self.shard_named(name).map(|s| s.version),
        }
    }

    /// Works out the shown rows again and keeps the focus on its shard.
    pub(in crate::cockpit) fn refresh_rows(&mut self) {
        let filter = Filter::parse(&self.filter);
        let shards = self.view().map_or(&[][..], |v| &v.shards);
        let ranks = shards
            .iter()
            .map(|shard| self.order.rank(&filter, shard))
            .collect();
        let known = |name: &ShardName| shards.iter().any(|s| s.name == *name);
        let gone: Vec<ShardName> = self.marks.iter().filter(|m| !known(m)).cloned().collect();
        for name in gone {
            self.marks.remove(&name);
        }
        self.ranks = ranks;
        self.sort_rows();
    }

    /// The same, when only the shards at these places have changed.
    pub(in crate::cockpit) fn refresh_places(&mut self, places: &[usize]) {
        let filter = Filter::parse(&self.filter);
        let shards = self.view().map_or(&[][..], |v| &v.shards);
        let moved: Vec<(usize, Option<Rank>)> = places
            .iter()
            .map(|place| (*place, self.order.rank(&filter, &shards[*place])))
            .filter(|(place, rank)| self.ranks.get(*place) != Some(rank))
            .collect();
        if moved.is_empty() {
            self.keep_ring();
            return;
        }
        for (place, rank) in moved {
            match self.ranks.get_mut(place) {
                Some(kept) => *kept = rank,
                None => return self.refresh_rows(),
            }
        }
        self.sort_rows();
    }

    /// The rows are the shards with a rank, the smallest first.
    fn sort_rows(&mut self) {
        // The shard may be gone altogether: then its neighbour is next.
        let before = self.shard_row().or(self.row_before.take());
        let ranks = &self.ranks;
        self.visible = (0..ranks.len()).filter(|p| ranks[*p].is_some()).collect();
        if self.order != Order::File {
            self.visible.sort_by_key(|place| ranks[*place]);
        }
        if self.shard_row().is_none() {
            self.focus_shard_row(before.unwrap_or(0));
        }
        self.keep_ring();
    }

    /// A ring that is gone has no focus.
    fn keep_ring(&mut self) {
        if let FleetRow::Ring(name) = &self.ring
            && self.ring_named(name).is_none()
        {
            self.ring = FleetRow::Fleet;
        }
    }

    /// Puts the focus on a row, or on the last one.
    pub(in crate::cockpit) fn focus_shard_row(&mut self, row: usize) {
        let last = self.visible.len().checked_sub(1);
        let name = last.and_then(|last| {
            let place = self.visible[row.min(last)];
            self.view()?.shards.get(place).map(|s| s.name.clone())
        });
        self.shard = name;
    }

    /// Puts the focus on a shard if it is shown.
    pub(in crate::cockpit) fn focus_again(&mut self, name: Option<&ShardName>) {
        let place = name.and_then(|name| self.place_of(name));
        if place.is_some_and(|place| self.visible.contains(&place)) {
            self.shard = name.cloned();
        }
    }

    /// Puts the focus on a row of the ring pane, or on the last one.
    pub(in crate::cockpit) fn focus_ring_row(&mut self, row: usize) {
        let rings = self.view().map_or(&[][..], |v| &v.rings);
        let row = row.min(rings.len());
        self.ring = match row.checked_sub(1) {
            None => FleetRow::Fleet,
            Some(place) => FleetRow::Ring(rings[place].name.clone()),
        };
    }
}
