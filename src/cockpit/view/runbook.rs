//! The runbook, beside the screen from 120 columns on, over it below that.
//!
//! Rendered modestly: headings, list items, code as it is. Every text goes
//! through `Untrusted` like any other.

use super::lines::Lines;
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, part, width, wrap};
use crate::wire::{Block, Runbook, Voice};
use ratatui::layout::Rect;

/// From so many columns on there is room beside the screen.
const BESIDE_MIN: u16 = 120;
/// What the screen itself keeps at least.
const SCREEN_MIN: u16 = 72;
/// Lines longer than this are hard to read.
const PANEL_MAX: u16 = 84;

/// Whether it lies beside the screen, not over it.
pub(in crate::cockpit) fn is_beside(wide: u16) -> bool {
    wide >= BESIDE_MIN
}

/// Where the screen is, and where the runbook is if it is open.
pub(super) fn split(model: &Model, area: Rect) -> (Rect, Option<Rect>) {
    if !model.panel.is_open() {
        return (area, None);
    }
    if !is_beside(area.width) {
        // The first line and the last two stay: how the engine is heard, and
        // what can be done.
        let over = Rect {
            y: area.y + 1,
            height: area.height.saturating_sub(3),
            ..area
        };
        return (area, Some(over));
    }
    let wide = (area.width * 2 / 5)
        .min(PANEL_MAX)
        .min(area.width - SCREEN_MIN);
    let main = Rect {
        width: area.width - wide,
        ..area
    };
    let side = Rect {
        x: main.right(),
        width: wide,
        ..area
    };
    (main, Some(side))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    canvas.clear(area);
    let situation = model.situation();
    let title = format!("Runbook   {}", situation.about);
    let inner = canvas.frame(area, &title, Role::Border);
    let Some(runbook) = model.runbook() else {
        let text = match &model.seen.runbook {
            None => "Waiting for the runbook.",
            Some(_) => "The migration file names no runbook: runbook = \"runbook.md\"",
        };
        for (row, text) in (0..).zip(wrap(text, usize::from(inner.width))) {
            canvas.line(inner, row, &[part(Role::Muted, text)]);
        }
        return;
    };
    let heading = runbook.find(&situation);
    let rows = layout(runbook, usize::from(inner.width));
    let first = row_of(&rows, heading);
    let from = first.saturating_add_signed(model.panel.moved(heading) as isize);
    let from = from.min(rows.len().saturating_sub(1));
    let foot = inner.height.saturating_sub(1);
    for (row, (_, parts)) in (0..foot).zip(rows.iter().skip(from)) {
        canvas.line(inner, row, parts);
    }
    let below = rows.len().saturating_sub(from + usize::from(foot));
    let said = match (heading, below) {
        (None, _) => "No heading speaks of this; from its beginning.   ".to_owned(),
        (Some(_), 0) => String::new(),
        (Some(_), more) => format!("{more} more lines   "),
    };
    let keys = format!(" {said}[ ] read   r closes");
    canvas.line(inner, foot, &[part(Role::Muted, keys)]);
}

/// The heading it is open at, that heading's row, and the last row that can
/// stand on top.
pub(in crate::cockpit) fn rows(model: &Model) -> (Option<usize>, usize, usize) {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let (Some(side), Some(runbook)) = (split(model, area).1, model.runbook()) else {
        return (None, 0, 0);
    };
    let heading = model.runbook_heading();
    let rows = layout(runbook, usize::from(side.width.saturating_sub(2)));
    let first = row_of(&rows, heading);
    // A frame and the line at its foot take three.
    let shown = usize::from(side.height.saturating_sub(3));
    (heading, first, rows.len().saturating_sub(shown).max(first))
}

/// The section that speaks of what is in focus, as lines to be read aloud.
pub(in crate::cockpit) fn section(model: &Model) -> Vec<String> {
    let Some(runbook) = model.runbook() else {
        return vec!["The migration file names no runbook.".into()];
    };
    let Some(from) = model.runbook_heading() else {
        return vec!["No heading of the runbook speaks of this.".into()];
    };
    let blocks = runbook.blocks().iter().skip(from);
    let end = |(place, block): &(usize, &Block)| *place == 0 || block.voice != Voice::Heading;
    let section = blocks.enumerate().take_while(end);
    let texts = section.map(|(_, block)| block.text.clone());
    texts.filter(|text| !text.is_empty()).collect()
}

/// Rows, each with the block that it belongs to.
fn layout(runbook: &Runbook, cells: usize) -> Vec<(usize, Vec<crate::cockpit::widgets::Part>)> {
    let blocks = runbook.blocks().iter().enumerate();
    let rows = blocks.flat_map(|(place, block)| {
        let lines = of_block(block, cells.saturating_sub(2));
        lines.into_iter().map(move |parts| (place, parts))
    });
    rows.collect()
}

fn row_of<T>(rows: &[(usize, T)], block: Option<usize>) -> usize {
    let found = rows.iter().position(|(place, _)| Some(*place) == block);
    found.unwrap_or(0)
}

fn of_block(block: &Block, cells: usize) -> Lines {
    let role = match block.voice {
        Voice::Heading => Role::Title,
        Voice::Code => Role::Key,
        Voice::Text | Voice::Item | Voice::Blank => Role::Text,
    };
    // What goes on below an item's mark stands under its text.
    let hang = match (block.voice, block.text.find(' ')) {
        (Voice::Item, Some(mark)) => mark + 1,
        _ => 0,
    };
    let room = cells.saturating_sub(block.indent + hang).max(8);
    let lines = match block.voice {
        Voice::Blank => vec![String::new()],
        Voice::Code => broken(&block.text, room),
        Voice::Heading | Voice::Text | Voice::Item => wrap(&block.text, room)
            .iter()
            .flat_map(|line| broken(line, room + hang))
            .collect(),
    };
    let lines = lines.into_iter().enumerate();
    lines
        .map(|(place, text)| {
            let hang = if place == 0 { 0 } else { hang };
            let gap = " ".repeat(1 + block.indent + hang);
            vec![part(Role::Text, gap), part(role, text)]
        })
        .collect()
}

/// Nothing of a command may be cut off: it goes on below.
fn broken(text: &str, cells: usize) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for letter in text.chars() {
        let wide = width(letter.encode_utf8(&mut [0; 4]));
        if used + wide > cells && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        line.push(letter);
        used += wide;
    }
    lines.push(line);
    lines
}
