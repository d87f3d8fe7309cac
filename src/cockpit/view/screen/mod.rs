//! Every screen but the fleet's: a line of screens, a title, a body, and the
//! same two lines at the bottom.

mod checks;
mod flags;
mod handover;
mod journal;
mod list;
mod plan;
mod shard;

use super::{bars, header};
use crate::cockpit::model::{Model, Screen};
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, part, width};
use crate::wire::JournalEntry;
use ratatui::layout::{Position, Rect};
pub(super) use shard::happened;

/// Draws the screen.
pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    header::draw(canvas, model, Rect { height: 1, ..area });
    let tabs_area = Rect {
        y: area.y + 1,
        height: 1,
        ..area
    };
    tabs(canvas, model, tabs_area);
    let body = Rect {
        y: area.y + 2,
        height: area.height.saturating_sub(4),
        ..area
    };
    match model.shown.screen {
        Screen::Fleet => {}
        Screen::Shard => shard::draw(canvas, model, body),
        Screen::Plan => plan::draw(canvas, model, body),
        Screen::Checks => checks::draw(canvas, model, body),
        Screen::Flags => flags::draw(canvas, model, body),
        Screen::Journal => journal::draw(canvas, model, body),
        Screen::Handover => handover::draw(canvas, model, body),
    }
    bars::bottom(canvas, model, area);
}

/// How many rows the cursor of the screen can stand on.
pub(in crate::cockpit) fn rows(model: &Model) -> usize {
    match model.shown.screen {
        Screen::Fleet => 0,
        Screen::Shard => shard::lines(model, usize::MAX).len(),
        Screen::Plan => model.seen.plan.as_ref().map_or(0, Vec::len),
        Screen::Checks => model.detail().map_or(0, |d| d.findings.len()),
        Screen::Flags => model.shown_count(),
        Screen::Journal => journal::shown(model).count(),
        Screen::Handover => 0,
    }
}

pub(in crate::cockpit) use checks::found;

/// The journal's entries that pass its filter.
pub(in crate::cockpit) fn journal_entries(model: &Model) -> impl Iterator<Item = &JournalEntry> {
    journal::shown(model)
}

/// The screen whose name stands at a cell.
pub(super) fn tab_at(model: &Model, area: Rect, at: Position) -> Option<Screen> {
    if at.y != area.y + 1 {
        return None;
    }
    let mut from = 1;
    for (place, screen) in Screen::ALL.into_iter().enumerate() {
        let until = from + width(&tab(model, place, screen));
        if (from..until).contains(&usize::from(at.x)) {
            return Some(screen);
        }
        from = until;
    }
    None
}

/// Where one is, and what else there is. The screen that is shown stands in
/// brackets, not only in another colour.
fn tabs(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let mut parts = vec![part(Role::Text, " ")];
    let mut used = 1;
    for (place, screen) in Screen::ALL.iter().enumerate() {
        let text = tab(model, place, *screen);
        let role = if *screen == model.shown.screen {
            Role::Title
        } else {
            Role::Muted
        };
        used += width(&text);
        parts.push(part(role, text));
    }
    if used + 12 < usize::from(area.width) {
        parts.push(part(Role::Muted, "  Esc: fleet"));
    }
    canvas.line(area, 0, &parts);
}

fn tab(model: &Model, place: usize, screen: Screen) -> String {
    let focus = match (screen, &model.shard) {
        (Screen::Shard, Some(name)) => format!(" {name}"),
        _ => String::new(),
    };
    let name = format!("{} {}{focus}", place + 1, screen.title());
    if screen == model.shown.screen {
        format!("[{name}]")
    } else {
        format!(" {name} ")
    }
}
