//! Where the parts of the fleet screen are, and what stands at a cell.

use super::{HEIGHT_MIN, WIDTH_MIN, bars, plan, runbook, screen, table};
use crate::cockpit::model::{Model, Screen};
use ratatui::layout::{Position, Rect, Size};

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// 80×24: everything, in fewer columns.
    Compact,
    /// 100×30 and more.
    Full,
}

/// The parts of the fleet screen, from the top to the last two lines.
pub(super) struct Places {
    pub(super) room: Room,
    pub(super) header: Rect,
    pub(super) plan: Rect,
    pub(super) totals: Rect,
    pub(super) needs: Rect,
    pub(super) table: Rect,
    pub(super) feed: Rect,
}

impl Places {
    pub(super) fn of(model: &Model, area: Rect) -> Self {
        let room = if area.width >= 100 && area.height >= 30 {
            Room::Full
        } else {
            Room::Compact
        };
        let mut below = area;
        let mut take = |rows: u16| {
            let rows = rows.min(below.height);
            let part = Rect {
                height: rows,
                ..below
            };
            below.y += rows;
            below.height -= rows;
            part
        };
        let header = take(1);
        let plan = take(plan::height(model, room));
        let totals = take(1);
        let needs = take(bars::needs_height(model, room));
        let feed_rows = match room {
            Room::Full => 5,
            Room::Compact => 2.min(below.height.saturating_sub(5)),
        };
        let table = Rect {
            height: below.height.saturating_sub(2 + feed_rows),
            ..below
        };
        let feed = Rect {
            y: table.bottom(),
            height: feed_rows.min(below.height - table.height),
            ..below
        };
        Self {
            room,
            header,
            plan,
            totals,
            needs,
            table,
            feed,
        }
    }
}

/// What stands at a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cockpit) enum Hit {
    /// A row of the ring pane.
    Ring(usize),
    /// A row of the shards.
    Shard(usize),
    /// The name of a screen.
    Screen(Screen),
}

/// What stands at a cell of a screen of this size.
pub(in crate::cockpit) fn hit(model: &Model, size: Size, at: Position) -> Option<Hit> {
    if size.width < WIDTH_MIN || size.height < HEIGHT_MIN {
        return None;
    }
    let whole = Rect::new(0, 0, size.width, size.height);
    let (area, side) = runbook::split(model, whole);
    if side.is_some_and(|side| side.contains(at)) {
        return None;
    }
    if model.shown.screen != Screen::Fleet {
        return screen::tab_at(model, area, at).map(Hit::Screen);
    }
    let places = Places::of(model, area);
    if places.plan.contains(at) {
        return plan::row_at(model, places.plan, places.room, at.y).map(Hit::Ring);
    }
    if places.table.contains(at) {
        return table::row_at(model, places.table, at.y).map(Hit::Shard);
    }
    None
}
