//! Keys on every screen but the fleet's.

use super::keys;
use crate::base::{Period, Timestamp};
use crate::cockpit::action::Action;
use crate::cockpit::keymap::Key;
use crate::cockpit::model::{Layer, Link, Model, Screen};
use crate::cockpit::msg::Effect;
use crate::cockpit::view::screen_rows;

/// How often what is looked at is asked for again.
const LOOK_AGAIN: Period = Period::from_ms(1_000);
/// Rows of one page.
const PAGE: usize = 10;

/// The screen that an action shows.
pub(super) fn of(action: Action) -> Option<Screen> {
    Some(match action {
        Action::ShowFleet => Screen::Fleet,
        Action::ShowShard => Screen::Shard,
        Action::ShowPlan => Screen::Plan,
        Action::ShowChecks => Screen::Checks,
        Action::ShowFlags => Screen::Flags,
        Action::ShowJournal => Screen::Journal,
        _ => return None,
    })
}

/// Shows a screen and asks for what it needs.
pub(super) fn show(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.shown.go(screen);
    if screen == Screen::Journal {
        // The newest entry is what one came for.
        model.shown.put(usize::MAX);
    }
    model.looked_at = None;
    look(model, model.now)
}

/// Asks again for what is looked at, while it is looked at.
pub(super) fn look(model: &mut Model, now: Timestamp) -> Vec<Effect> {
    let lately = |at: Timestamp| now.since(at) < LOOK_AGAIN;
    if model.link() != Link::Live {
        return Vec::new();
    }
    if model.looked_at.is_some_and(lately) {
        return Vec::new();
    }
    match model.wanted() {
        Some(look) => {
            model.looked_at = Some(now);
            vec![Effect::Look(look)]
        }
        None => Vec::new(),
    }
}

pub(super) fn key(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(action) = model.options.keymap.action(key) else {
        return Vec::new();
    };
    match action {
        Action::Down
        | Action::Up
        | Action::First
        | Action::Last
        | Action::PageDown
        | Action::PageUp => step(model, action),
        Action::Open => model.shown.open = !model.shown.open,
        Action::NextPane => return next_shard(model),
        Action::Filter if model.shown.screen == Screen::Journal => {
            model.layer = Some(Layer::Filter {
                before: model.shown.filter.clone(),
                focus: None,
            });
        }
        Action::Filter | Action::MarkShard => {}
        Action::Back | Action::Quit => return back(model),
        other => return keys::run(model, other),
    }
    Vec::new()
}

/// Moves the cursor of the screen.
pub(super) fn step(model: &mut Model, action: Action) {
    let rows = screen_rows(model);
    let here = model.shown.cursor(rows);
    model.shown.put(match action {
        Action::Down => here.saturating_add(1).min(rows),
        Action::Up => here.saturating_sub(1),
        Action::First => 0,
        Action::Last => usize::MAX,
        Action::PageDown => here.saturating_add(PAGE).min(rows),
        Action::PageUp => here.saturating_sub(PAGE),
        _ => here,
    });
}

/// One level back: the open row, the filter, then the fleet.
fn back(model: &mut Model) -> Vec<Effect> {
    if model.shown.open {
        model.shown.open = false;
    } else if model.shown.screen == Screen::Journal && !model.shown.filter.is_empty() {
        model.shown.filter.clear();
    } else {
        model.shown.go(Screen::Fleet);
    }
    Vec::new()
}

/// The next shard of the table, without going back to it.
fn next_shard(model: &mut Model) -> Vec<Effect> {
    let next = model.shard_row().map_or(0, |row| row + 1);
    let row = if next < model.shown_count() { next } else { 0 };
    model.focus_shard_row(row);
    model.looked_at = None;
    look(model, model.now)
}
