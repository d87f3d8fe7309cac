//! The flight plan: rings by stages, and what happens next by itself.

use super::place::Room;
use crate::base::Stage;
use crate::cockpit::model::{Model, Pane};
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, fit, part, sign};
use crate::wire::{Cell, RingView, Sign, Standing, WayBack, words};
use ratatui::layout::Rect;

/// Most ring rows that are shown at once.
const ROWS_MAX: usize = 8;

const NAME_CELLS: usize = 12;
const SHARDS_CELLS: usize = 5;

fn rows(model: &Model) -> usize {
    let rings = model.view().map_or(0, |v| v.rings.len());
    (rings + 1).min(ROWS_MAX)
}

pub(super) fn height(model: &Model, room: Room) -> u16 {
    match room {
        // Frame, stage names, the fleet and its rings, why, next and back.
        Room::Full => u16::try_from(rows(model) + 6).unwrap_or(14),
        Room::Compact => 3,
    }
}

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect, room: Room) {
    match room {
        Room::Full => full(canvas, model, area),
        Room::Compact => compact(canvas, model, area),
    }
}

fn full(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let inner = canvas.frame(area, "Flight plan", border(model, Pane::Rings));
    let cells = usize::from(inner.width).saturating_sub(NAME_CELLS + SHARDS_CELLS) / 8;
    let mut head = vec![part(Role::Muted, fit("", NAME_CELLS + SHARDS_CELLS))];
    head.extend(Stage::ALL.map(|stage| part(Role::Muted, fit(stage.word(), cells))));
    canvas.line(inner, 0, &head);
    let focus = model.ring_row();
    let shown = rows(model);
    let from = first_row(focus, shown, model.view().map_or(1, |v| v.rings.len() + 1));
    for place in 0..shown {
        let row = u16::try_from(place + 1).unwrap_or(u16::MAX);
        canvas.line(inner, row, &ring_line(model, from + place, cells));
        if model.pane == Pane::Rings && from + place == focus {
            canvas.focus(inner, row);
        }
    }
    let row = u16::try_from(shown + 1).unwrap_or(u16::MAX);
    if let Some(standing) = focused(model) {
        canvas.line(inner, row, &why(model, standing));
        canvas.line(inner, row + 1, &next(model, standing));
        canvas.line(inner, row + 2, &back(model));
    }
}

/// How the shards in focus would get back, the hardest way first.
fn back(model: &Model) -> Vec<Part> {
    let rings = model.view().map_or(&[][..], |view| &view.rings);
    let here = match model.ring_row().checked_sub(1) {
        None => rings,
        Some(place) => rings.get(place..=place).unwrap_or(&[]),
    };
    let count = |way| -> u32 {
        let all = here.iter().flat_map(|ring| &ring.ways_back);
        all.filter(|(w, _)| *w == way).map(|(_, n)| n).sum()
    };
    let ways = WayBack::ALL.map(|way| (count(way), way.word()));
    let said = ways.into_iter().filter(|(count, _)| *count > 0);
    let said: Vec<String> = said.map(|(n, word)| format!("{word} ({n})")).collect();
    vec![
        part(Role::Muted, " back "),
        part(Role::Text, said.join(" · ")),
    ]
}

/// The row of the ring pane at a line of the screen.
pub(super) fn row_at(model: &Model, area: Rect, room: Room, y: u16) -> Option<usize> {
    let line = usize::from(y.checked_sub(area.y)?);
    let focus = model.ring_row();
    if room == Room::Compact {
        return (line == 0).then_some(focus);
    }
    let shown = rows(model);
    let count = model.view().map_or(1, |v| v.rings.len() + 1);
    // The frame and the stages' names stand above the first.
    let place = line.checked_sub(2).filter(|place| *place < shown)?;
    Some(first_row(focus, shown, count) + place)
}

fn compact(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let count = model.view().map_or(0, |v| v.rings.len());
    let row = model.ring_row();
    let mut parts = ring_line(model, row, 6);
    let place = match row {
        0 => format!("  {count} rings"),
        row => format!("  ring {row} of {count}"),
    };
    parts.push(part(Role::Muted, place));
    canvas.line(area, 0, &parts);
    if model.pane == Pane::Rings {
        canvas.focus(area, 0);
    }
    if let Some(standing) = focused(model) {
        canvas.line(area, 1, &why(model, standing));
        canvas.line(area, 2, &next(model, standing));
    }
}

pub(super) fn border(model: &Model, pane: Pane) -> Role {
    if model.pane == pane {
        Role::Title
    } else {
        Role::Border
    }
}

/// The first row of a window that keeps the focus in its middle.
pub(super) fn first_row(focus: usize, shown: usize, all: usize) -> usize {
    focus
        .saturating_sub(shown / 2)
        .min(all.saturating_sub(shown))
}

fn focused(model: &Model) -> Option<&Standing> {
    match model.ring_row().checked_sub(1) {
        None => model.rollout().map(|r| &r.standing),
        Some(place) => model.view()?.rings.get(place).map(|r| &r.standing),
    }
}

fn ring_line(model: &Model, row: usize, cells: usize) -> Vec<Part> {
    let here = model.ring_row() == row;
    let bar = if here { "▌" } else { " " };
    let Some(place) = row.checked_sub(1) else {
        return fleet_line(model, bar);
    };
    let Some(ring) = model.view().and_then(|v| v.rings.get(place)) else {
        return Vec::new();
    };
    let mut parts = vec![
        part(Role::Title, bar),
        part(Role::Text, fit(ring.name.as_str(), NAME_CELLS - 1)),
        part(Role::Muted, fit(&ring.shards.to_string(), SHARDS_CELLS)),
    ];
    for stage in Stage::ALL {
        parts.extend(stage_cell(ring, stage, cells));
    }
    parts
}

fn fleet_line(model: &Model, bar: &str) -> Vec<Part> {
    let shards = model.view().map_or(0, |v| v.totals.shards);
    let mut parts = vec![
        part(Role::Title, bar),
        part(Role::Text, fit("fleet", NAME_CELLS - 1)),
        part(Role::Muted, fit(&shards.to_string(), SHARDS_CELLS)),
    ];
    match model.rollout() {
        Some(rollout) => parts.push(sign(rollout.standing.sign, &rollout.standing.word)),
        None => parts.push(part(Role::Muted, "no rollout yet")),
    }
    parts
}

/// Several stops in one cell: the first open one speaks for its stage.
fn stage_cell(ring: &RingView, stage: Stage, cells: usize) -> Vec<Part> {
    let here: Vec<&Cell> = ring
        .cells
        .iter()
        .filter(|c| c.stop.stage() == stage)
        .collect();
    let Some(last) = here.last() else {
        return vec![part(Role::Muted, fit("", cells))];
    };
    let open = here.iter().find(|c| c.sign != Sign::Done);
    let done = here.iter().rfind(|c| c.sign == Sign::Done);
    let shift = |cell: &Cell| match stage {
        Stage::Shift => format!("{} %", cell.stop.share_percent()),
        _ => cell.stop.to_string(),
    };
    let (mark, text) = match (open, done) {
        (None, _) => (Sign::Done, last.text.clone()),
        (Some(open), Some(done)) if open.sign == Sign::NotYet => (Sign::Partly, shift(done)),
        (Some(open), _) => (open.sign, open.text.clone()),
    };
    let text = fit(&text, cells.saturating_sub(3));
    vec![sign(mark, &text), part(Role::Text, " ")]
}

fn why(model: &Model, standing: &Standing) -> Vec<Part> {
    let mut parts = vec![
        part(Role::Muted, " why  "),
        sign(standing.sign, &standing.word),
    ];
    if !standing.cause.is_empty() {
        parts.push(part(Role::Text, format!(", {}", standing.cause)));
    }
    let since = words::lasting(model.now, standing.since);
    parts.push(part(Role::Muted, format!(" ({since})")));
    parts
}

fn next(model: &Model, standing: &Standing) -> Vec<Part> {
    let mut parts = vec![part(Role::Muted, " next ")];
    if let Some(at) = standing.at.filter(|at| *at > model.now) {
        let left = words::until(model.now, at);
        parts.push(part(Role::Text, format!("in {left}: ")));
    }
    parts.push(part(Role::Text, standing.next.clone()));
    if !standing.clears.is_empty() {
        parts.push(part(
            Role::Muted,
            format!("  clears when: {}", standing.clears),
        ));
    }
    parts
}
