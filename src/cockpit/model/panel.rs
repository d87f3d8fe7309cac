//! The runbook beside the screen: where it is open.

use super::{FleetRow, Model, Pane, Screen};
use crate::cockpit::msg::Switch;
use crate::wire::{Runbook, Situation};

/// The runbook's panel. It follows the focus: moved by hand it stays where it
/// is until the focus asks for another heading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panel {
    switch: Switch,
    /// Rows from the heading, and which heading that is.
    moved: (Option<usize>, i32),
}

impl Panel {
    /// Whether it is shown.
    pub fn is_open(&self) -> bool {
        self.switch == Switch::On
    }

    pub(in crate::cockpit) fn open(&mut self) {
        self.switch = Switch::On;
        self.moved = (None, 0);
    }

    pub(in crate::cockpit) fn close(&mut self) {
        self.switch = Switch::Off;
    }

    /// Rows from this heading.
    pub(in crate::cockpit) fn moved(&self, heading: Option<usize>) -> i32 {
        match self.moved {
            (of, rows) if of == heading => rows,
            _ => 0,
        }
    }

    pub(in crate::cockpit) fn move_to(&mut self, heading: Option<usize>, rows: i32) {
        self.moved = (heading, rows);
    }
}

impl Model {
    /// What somebody has before them.
    pub fn situation(&self) -> Situation {
        let Some(view) = self.view() else {
            return Situation::default();
        };
        let of_shard = self.pane == Pane::Shards
            || matches!(
                self.shown.screen,
                Screen::Shard | Screen::Checks | Screen::Flags
            );
        match (of_shard, self.focused_shard(), &self.ring) {
            (true, Some(shard), _) => Situation::of_shard(shard),
            (false, _, FleetRow::Ring(name)) => match self.ring_named(name) {
                Some(ring) => Situation::of_ring(view, ring),
                None => Situation::of_fleet(view),
            },
            _ => Situation::of_fleet(view),
        }
    }

    /// The runbook, once it is known and if there is one.
    pub fn runbook(&self) -> Option<&Runbook> {
        self.seen.runbook.as_ref()?.as_ref()
    }

    /// The heading it is open at.
    pub fn runbook_heading(&self) -> Option<usize> {
        self.runbook()?.find(&self.situation())
    }
}
