//! Totals, what needs a person, the feed, the status line, the footer.

use super::place::Room;
use super::plan::first_row;
use super::trend;
use crate::cockpit::action::{ACTIONS, Action};
use crate::cockpit::complete::candidates;
use crate::cockpit::model::{Layer, Level, Model, Order, Screen};
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, bar, fit, part, sign, width};
use crate::wire::{EventView, Need, Sign, words};
use ratatui::layout::Rect;

pub(super) fn totals(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let Some(view) = model.view() else {
        return;
    };
    let t = &view.totals;
    let mut parts = Vec::new();
    if let Some(total) = t.rows_total.filter(|n| *n > 0) {
        let done = words::count(t.rows_done);
        parts.push(part(Role::Text, format!(" Rows {done}")));
        let percent = u128::from(t.rows_done) * 100 / u128::from(total);
        let percent = u8::try_from(percent.min(100)).unwrap_or(100);
        parts.push(part(Role::Text, format!(" of {}  ", words::count(total))));
        if area.width >= 100 {
            parts.push(part(Role::from(Sign::Running), bar(percent, 20)));
        }
        parts.push(part(Role::Text, format!(" {percent} %")));
    }
    if let Some(rate) = t.rows_per_s {
        parts.push(part(Role::Text, format!("  {}/s ", words::count(rate))));
        if area.width >= 120 && model.history.fleet().len() > 1 {
            parts.push(trend::of_fleet(model, 8));
        }
    }
    if t.at_work > 0 {
        parts.push(part(Role::Text, format!("  ETA {}", words::eta(t.eta))));
    }
    let allowed = model.rollout().map_or(0, |r| r.failed_allowed);
    let role = match t.failed {
        0 => Role::Text,
        _ => Role::Fail,
    };
    let gap = if parts.is_empty() { " " } else { "  " };
    let failed = format!("{gap}Failed {} of {allowed} allowed", t.failed);
    parts.push(part(role, failed));
    if let Some(max) = &t.lag_max {
        let lag = words::ms(max.lag_ms.value);
        parts.push(part(Role::Text, format!("  Lag max {lag} {}", max.shard)));
    }
    canvas.line(area, 0, &parts);
}

fn needs_of(model: &Model) -> &[Need] {
    model.view().map_or(&[], |v| &v.needs_you)
}

pub(super) fn needs_height(model: &Model, room: Room) -> u16 {
    match (room, needs_of(model).len()) {
        (Room::Compact, _) | (_, 0) => 1,
        (Room::Full, n) => u16::try_from(n.min(3)).unwrap_or(3) + 2,
    }
}

pub(super) fn needs(canvas: &mut Canvas<'_>, model: &Model, area: Rect, room: Room) {
    let needs = needs_of(model);
    let Some(first) = needs.first() else {
        let text = " Needs you: nothing";
        canvas.line(area, 0, &[part(Role::Muted, text)]);
        return;
    };
    if room == Room::Compact {
        let mut parts = vec![part(Role::Title, format!(" Needs you ({}) ", needs.len()))];
        parts.extend(need_line(model, first));
        canvas.line(area, 0, &parts);
        return;
    }
    let title = match call(model) {
        None => format!("Needs you ({})", needs.len()),
        Some(call) => format!("Needs you ({})   {call}", needs.len()),
    };
    let inner = canvas.frame(area, &title, Role::Border);
    for (row, need) in (0..inner.height).zip(needs) {
        canvas.line(inner, row, &need_line(model, need));
    }
}

/// Whom to call.
fn call(model: &Model) -> Option<String> {
    model.view()?.header.contacts.call()
}

/// All of them, over the screen.
pub(super) fn all_needs(canvas: &mut Canvas<'_>, model: &Model, cursor: usize) {
    let needs = needs_of(model);
    let high = u16::try_from(needs.len().max(1) + 3).unwrap_or(u16::MAX);
    let area = canvas.clear_middle(116, high);
    let title = format!("Needs you ({})", needs.len());
    let inner = canvas.frame(area, &title, Role::Title);
    let shown = usize::from(inner.height.saturating_sub(1));
    let cursor = cursor.min(needs.len().saturating_sub(1));
    let from = first_row(cursor, shown, needs.len());
    if needs.is_empty() {
        canvas.line(inner, 0, &[part(Role::Muted, " Nothing needs you.")]);
    }
    for (row, (place, need)) in (0..).zip(needs.iter().enumerate().skip(from).take(shown)) {
        canvas.line(inner, row, &need_line(model, need));
        if place == cursor {
            canvas.focus(inner, row);
        }
    }
    let mut foot = vec![part(
        Role::Muted,
        " Enter goes there   r runbook   Esc closes",
    )];
    foot.extend(call(model).map(|call| part(Role::Key, format!("   {call}"))));
    canvas.line(inner, inner.height.saturating_sub(1), &foot);
}

fn need_line(model: &Model, need: &Need) -> Vec<Part> {
    let head = format!("{}: {}", need.scope, need.what);
    let since = words::lasting(model.now, need.since);
    vec![
        sign(need.sign, &head),
        part(Role::Text, format!("  {}", need.why)),
        part(Role::Muted, format!("  ({since})")),
    ]
}

pub(super) fn feed(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let rows = area.height;
    let events = model.view().map_or(&[][..], |v| &v.events);
    let from = events.len().saturating_sub(usize::from(rows));
    for (row, event) in (0..rows).zip(&events[from..]) {
        canvas.line(area, row, &event_line(event));
    }
}

fn event_line(event: &EventView) -> Vec<Part> {
    vec![
        part(Role::Muted, format!(" {}  ", event.at.clock())),
        part(Role::Text, fit(&event.scope.to_string(), 13)),
        part(Role::Text, format!(" {}", event.text)),
        part(Role::Muted, format!("  {}", event.actor)),
    ]
}

/// The two lines at the bottom of every screen.
pub(super) fn bottom(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let foot = Rect {
        y: area.bottom().saturating_sub(2),
        height: 2.min(area.height),
        ..area
    };
    status(canvas, model, foot);
    footer(canvas, model, foot);
}

/// The line above the footer: what is typed, what waits, what was answered.
fn status(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    canvas.line(area, 0, &status_parts(model));
}

fn status_parts(model: &Model) -> Vec<Part> {
    match &model.layer {
        Some(Layer::Command(text)) => return command_parts(model, text),
        Some(Layer::Filter { .. }) => {
            if model.shown.screen == Screen::Journal {
                return vec![part(Role::Key, format!(" /{}▏", model.shown.filter))];
            }
            let count = model.shown_count();
            return vec![
                part(Role::Key, format!(" /{}▏", model.filter)),
                part(Role::Muted, format!("  {}", words::shards(count))),
            ];
        }
        _ => {}
    }
    let mut parts = vec![part(Role::Text, " ")];
    if !model.filter.is_empty() {
        let all = model.view().map_or(0, |v| v.shards.len());
        let text = format!("/{} ({} of {all})  ", model.filter, model.shown_count());
        parts.push(part(Role::Key, text));
    }
    if model.order != Order::File {
        parts.push(part(Role::Key, format!("{}  ", model.order.word())));
    }
    if !model.marks.is_empty() {
        let text = format!("* {} marked  ", model.marks.len());
        parts.push(part(Role::Key, text));
    }
    if let Some(waiting) = model.pending.first() {
        let asked = waiting.approved.get();
        let again = match waiting.times {
            1 => String::new(),
            n => format!(", sent {n} times"),
        };
        let text = format!(
            "► {} {}: sent, waiting for the answer{again} ({})  ",
            asked.verb.word(),
            asked.scope,
            model.pending.len()
        );
        parts.push(part(Role::from(Sign::Running), text));
    }
    if let Some(status) = &model.status {
        let (role, mark) = match status.level {
            Level::Note => (Role::Muted, ""),
            Level::Good => (Role::from(Sign::Done), "✓ "),
            Level::Bad => (Role::Fail, "✗ "),
        };
        parts.push(part(role, format!("{mark}{}", status.text)));
    }
    parts
}

/// The line as far as it is typed, and how it could go on.
fn command_parts(model: &Model, text: &str) -> Vec<Part> {
    let mut parts = vec![part(Role::Key, format!(" :{text}▏"))];
    if !text.is_empty() {
        let going_on: Vec<String> = candidates(model, text)
            .into_iter()
            .map(|candidate| candidate.command)
            .take(4)
            .collect();
        let hint = match going_on.is_empty() {
            true => "  no command goes on like this".into(),
            false => format!("  Tab: {}", going_on.join(" · ")),
        };
        parts.push(part(Role::Muted, hint));
    }
    parts
}

/// What can be done now, out of the action list, the rarest left out first.
fn footer(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    const LOOKS: [Action; 7] = [
        Action::Menu,
        Action::Help,
        Action::Open,
        Action::NextPane,
        Action::Filter,
        Action::CommandLine,
        Action::Quit,
    ];
    let acts = ACTIONS
        .iter()
        .filter(|item| item.mutates())
        .filter(|item| item.action.disabled_reason(model).is_none())
        .map(|item| item.action);
    let mut parts = vec![part(Role::Text, " ")];
    let mut used = 1;
    for action in acts.chain(LOOKS) {
        let item = action.item();
        let Some(key) = model.options.keymap.keys(action).next() else {
            continue;
        };
        let (key, name) = (key.to_string(), format!(" {}   ", item.name));
        used += width(&key) + width(&name);
        if used > usize::from(area.width) + 3 {
            break;
        }
        parts.push(part(Role::Key, key));
        parts.push(part(Role::Muted, name));
    }
    canvas.line(area, 1, &parts);
}
