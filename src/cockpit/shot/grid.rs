//! A buffer as text and role names, for tests: what is where, and as what.
//! Themes may change their colours without touching it.

use crate::cockpit::theme::{Look, Role, Theme};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;
use std::fmt::Write as _;

/// The screen's text, then each line's runs of roles that are not plain text.
/// A look that several roles share is named after the first of them.
pub fn roles(buffer: &Buffer, theme: &Theme) -> String {
    let mut out = text(buffer);
    out.push('\n');
    for y in 0..buffer.area.height {
        let runs = runs(buffer, theme, y);
        if !runs.is_empty() {
            // A String takes every write.
            let _ = writeln!(out, "{y:>3}: {}", runs.join(" "));
        }
    }
    out
}

fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width)
            .map(|x| buffer[(x, y)].symbol())
            .collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn runs(buffer: &Buffer, theme: &Theme, y: u16) -> Vec<String> {
    let mut runs: Vec<(Role, u16, u16)> = Vec::new();
    for x in 0..buffer.area.width {
        let role = role(&buffer[(x, y)], theme);
        match runs.last_mut() {
            Some((last, _, end)) if *last == role => *end = x,
            _ => runs.push((role, x, x)),
        }
    }
    runs.into_iter()
        .filter(|(role, ..)| *role != Role::Text)
        .map(|(role, from, end)| format!("{}[{from}-{end}]", role.name()))
        .collect()
}

fn role(cell: &Cell, theme: &Theme) -> Role {
    let text = theme.look(Role::Text);
    let whole = |look: Look| Look {
        fg: look.fg.or(text.fg),
        bg: look.bg.or(text.bg),
        ..look
    };
    let colour = |c| (c != ratatui::style::Color::Reset).then_some(c);
    let seen = Look {
        fg: colour(cell.fg),
        bg: colour(cell.bg),
        modifier: cell.modifier,
    };
    let same = |role: &Role| whole(theme.look(*role)) == whole(seen);
    if let Some(role) = Role::ALL.into_iter().find(same) {
        return role;
    }
    // The row in focus lies over the roles of its cells.
    let selection = theme.look(Role::Selection);
    let marked = selection.bg.is_some_and(|bg| seen.bg == Some(bg))
        || seen
            .modifier
            .contains(selection.modifier & Modifier::REVERSED)
            && !selection.modifier.is_empty();
    if marked { Role::Selection } else { Role::Text }
}
