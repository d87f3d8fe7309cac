//! Rows of which one can be opened. Only what is on the screen is built.

use super::super::lines::Lines;
use super::super::plan::first_row;
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, part};
use ratatui::layout::Rect;

/// Rows by their number.
pub(super) struct List<'a> {
    /// Above the rows, on the screen always.
    pub(super) head: Lines,
    /// The row under the cursor.
    pub(super) cursor: usize,
    /// How many rows there are.
    pub(super) count: usize,
    /// What to say when there are none.
    pub(super) nothing: &'a str,
    /// One row.
    pub(super) row: &'a dyn Fn(usize) -> Vec<Part>,
    /// What it shows when it is open.
    pub(super) opened: &'a dyn Fn(usize) -> Lines,
}

impl List<'_> {
    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
        for (row, parts) in (0..area.height).zip(&self.head) {
            canvas.line(area, row, parts);
        }
        let head = u16::try_from(self.head.len()).unwrap_or(u16::MAX);
        let body = Rect {
            y: area.y + head.min(area.height),
            height: area.height.saturating_sub(head),
            ..area
        };
        if self.count == 0 {
            canvas.line(body, 0, &[part(Role::Muted, format!("  {}", self.nothing))]);
            return;
        }
        let cursor = self.cursor;
        let opened = match model.shown.open {
            true => (self.opened)(cursor),
            false => Vec::new(),
        };
        let room = usize::from(body.height);
        // An open row keeps as much of itself on the screen as there is room.
        let rows = room.saturating_sub(opened.len()).max(1);
        let from = first_row(cursor, rows, self.count);
        let mut y = 0_u16;
        for place in from..self.count {
            if y >= body.height {
                break;
            }
            let here = place == cursor;
            let mut parts = vec![part(Role::Title, if here { "▌" } else { " " })];
            parts.extend((self.row)(place));
            canvas.line(body, y, &parts);
            if here {
                canvas.focus(body, y);
            }
            y += 1;
            if here {
                for parts in &opened {
                    canvas.line(body, y, parts);
                    y = y.saturating_add(1);
                }
            }
        }
    }
}
