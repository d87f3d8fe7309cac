//! Commands by a few letters of them.

use super::plan::first_row;
use crate::cockpit::complete::candidates;
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, fit, part};
use ratatui::layout::Rect;

/// Candidates on the screen.
const ROWS: u16 = 12;

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, text: &str, cursor: usize) {
    let found = candidates(model, text);
    let area = canvas.clear_middle(76, ROWS + 3);
    let inner = canvas.frame(area, "Commands", Role::Title);
    canvas.line(inner, 0, &[part(Role::Key, format!(" {text}▏"))]);
    let list = Rect {
        y: inner.y + 1,
        height: inner.height.saturating_sub(1),
        ..inner
    };
    if found.is_empty() {
        canvas.line(
            list,
            0,
            &[part(Role::Muted, " No command has these letters.")],
        );
    }
    let from = first_row(cursor, usize::from(list.height), found.len());
    for (row, (place, candidate)) in (0..list.height).zip(found.iter().enumerate().skip(from)) {
        let (role, doc) = match &candidate.reason {
            None => (Role::Text, candidate.doc.clone()),
            Some(reason) => (Role::Muted, format!("not now: {reason}")),
        };
        let here = if place == cursor { "▌" } else { " " };
        let parts = [
            part(Role::Title, here),
            part(role, fit(&candidate.command, 26)),
            part(Role::Muted, doc),
        ];
        canvas.line(list, row, &parts);
        if place == cursor {
            canvas.focus(list, row);
        }
    }
}
