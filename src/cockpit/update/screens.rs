//! Keys on every screen but the fleet's.

use super::cursor::moved;
use super::keys;
use crate::base::{Period, Timestamp};
use crate::cockpit::action::Action;
use crate::cockpit::keymap::Key;
use crate::cockpit::model::{Layer, Link, Model, Screen};
use crate::cockpit::msg::Effect;
use crate::cockpit::view::{findings, journal_entries, screen_rows};
use crate::wire::Sight;

/// How often what is looked at is asked for again.
const LOOK_AGAIN: Period = Period::from_ms(1_000);

/// The screen that an action shows.
pub(super) fn of(action: Action) -> Option<Screen> {
    Some(match action {
        Action::ShowFleet => Screen::Fleet,
        Action::ShowShard => Screen::Shard,
        Action::ShowPlan => Screen::Plan,
        Action::ShowChecks => Screen::Checks,
        Action::ShowFlags => Screen::Flags,
        Action::ShowJournal => Screen::Journal,
        Action::ShowHandover => Screen::Handover,
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
    if moved(action, 0).is_some() {
        step(model, action);
        return Vec::new();
    }
    match action {
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

/// The row of the screen's cursor, and how many there are.
fn cursor(model: &Model) -> (usize, usize) {
    let rows = screen_rows(model);
    let here = match model.shown.screen {
        // The rows are the shards: one focus for what is seen and acted on.
        Screen::Flags => model.shard_row().unwrap_or(0),
        _ => model.shown.cursor(rows),
    };
    (here, rows)
}

/// Puts the cursor of the screen on a row.
fn put(model: &mut Model, row: usize) {
    match model.shown.screen {
        Screen::Flags => model.focus_shard_row(row),
        _ => model.shown.put(row),
    }
}

/// Moves the cursor of the screen, if the action does.
pub(super) fn step(model: &mut Model, action: Action) {
    let (here, rows) = cursor(model);
    match moved(action, here) {
        // At the end one stays at the end, also when more comes.
        Some(usize::MAX) => put(model, usize::MAX),
        Some(row) => put(model, row.min(rows)),
        None => {}
    }
}

/// Something that was looked at has come. A row that is read stays under the
/// cursor, whatever comes before it.
pub(super) fn seen(model: &mut Model, sight: Sight) {
    let (here, rows) = cursor(model);
    let last = rows.saturating_sub(1);
    let stands = match model.shown.screen {
        // At the end one follows the newest entry, unless one is open.
        Screen::Journal if here < last || model.shown.open => journal_entries(model)
            .nth(here)
            .map(|entry| Stands::Entry(entry.seq)),
        Screen::Checks => {
            let found = findings(model);
            let name = found.get(here).map(|found| found.check.name.clone());
            name.map(Stands::Check)
        }
        _ => None,
    };
    model.seen.take(sight);
    let place = match stands {
        Some(Stands::Entry(seq)) => journal_entries(model).position(|entry| entry.seq == seq),
        Some(Stands::Check(name)) => findings(model).iter().position(|f| f.check.name == name),
        None => None,
    };
    if let Some(place) = place {
        model.shown.put(place);
    }
}

/// What the cursor stands on.
enum Stands {
    Entry(u64),
    Check(String),
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
