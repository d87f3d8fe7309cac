//! The runbook beside the screen, or instead of it where there is no room.

use super::cursor::moved;
use super::screens;
use crate::cockpit::action::Action;
use crate::cockpit::keymap::Key;
use crate::cockpit::model::Model;
use crate::cockpit::msg::Effect;
use crate::cockpit::view::{is_beside, runbook_rows};

/// Opens it where it speaks of what is in focus, or closes it.
pub(super) fn toggle(model: &mut Model) -> Vec<Effect> {
    if model.panel.is_open() {
        model.panel.close();
        return Vec::new();
    }
    open(model)
}

/// Opens it where it speaks of what is in focus.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    model.panel.open();
    model.looked_at = None;
    screens::look(model, model.now)
}

/// Whether a key is the runbook's own: one level back closes it, and where it
/// lies over the screen, what moves a cursor moves it.
pub(super) fn takes(model: &Model, key: Key) -> bool {
    let action = model.options.keymap.action(key);
    let closes = matches!(action, Some(Action::Back | Action::Quit));
    let moves = action.is_some_and(|action| moved(action, 0).is_some());
    model.panel.is_open() && (closes || moves && !is_beside(model.size.width))
}

/// A key that it [`takes`].
pub(super) fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    match model.options.keymap.action(key) {
        Some(Action::Back | Action::Quit) | None => model.panel.close(),
        Some(action) => scroll(model, action),
    }
    Vec::new()
}

/// Reads on, or back.
pub(super) fn scroll(model: &mut Model, action: Action) {
    if !model.panel.is_open() {
        return;
    }
    let (heading, first, last) = runbook_rows(model);
    let here = first.saturating_add_signed(model.panel.moved(heading) as isize);
    let Some(row) = moved(action, here.min(last)) else {
        return;
    };
    let rows = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let by = rows(row.min(last)).saturating_sub(rows(first));
    model.panel.move_to(heading, by);
}
