//! Help and the operations menu, both out of the action list.

use crate::cockpit::action::{ACTIONS, Item, Tier};
use crate::cockpit::keymap::Keymap;
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::update::keys::menu_items;
use crate::cockpit::widgets::{Canvas, Part, fit, part};

pub(super) fn help(canvas: &mut Canvas<'_>, keymap: &Keymap, from: u16) {
    let rows = u16::try_from(ACTIONS.len()).unwrap_or(u16::MAX);
    let area = canvas.clear_middle(100, rows.saturating_add(3));
    let inner = canvas.frame(area, "Help", Role::Title);
    let shown = inner.height.saturating_sub(1);
    let from = from.min(rows.saturating_sub(shown));
    for (row, item) in (0..shown).zip(ACTIONS.iter().skip(usize::from(from))) {
        canvas.line(inner, row, &help_line(keymap, item));
    }
    let last = from.saturating_add(shown).min(rows);
    let more = if shown < rows { "   j k scroll" } else { "" };
    let foot = format!(" {} to {last} of {rows}{more}   Esc closes", from + 1);
    canvas.line(inner, shown, &[part(Role::Muted, foot)]);
}

fn help_line(keymap: &Keymap, item: &Item) -> Vec<Part> {
    let keys: Vec<String> = keymap.keys(item.action).map(|k| k.to_string()).collect();
    let keys = match item.menu {
        Some(letter) if keys.is_empty() => format!("x {letter}"),
        _ => keys.join(" "),
    };
    vec![
        part(Role::Key, fit(&format!(" {keys}"), 13)),
        part(Role::Title, fit(item.name, 15)),
        part(Role::Muted, fit(tier_word(item.tier), 6)),
        part(Role::Text, item.doc),
    ]
}

/// What it takes, in a column of its own.
fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Look => "",
        Tier::Line => "y/N",
        Tier::Dialog => "asks",
        Tier::Typed => "typed",
    }
}

pub(super) fn menu(canvas: &mut Canvas<'_>, model: &Model, cursor: usize) {
    let rows = u16::try_from(menu_items().count()).unwrap_or(u16::MAX);
    let area = canvas.clear_middle(76, rows.saturating_add(2));
    let inner = canvas.frame(area, "Operations", Role::Title);
    for (row, item) in (0..inner.height).zip(menu_items()) {
        let letter = item.menu.unwrap_or(' ');
        let reason = item.action.disabled_reason(model);
        let (role, text) = match &reason {
            None => (Role::Text, item.doc.to_owned()),
            Some(reason) => (Role::Muted, format!("not now: {reason}")),
        };
        let parts = [
            part(Role::Key, format!(" {letter}  ")),
            part(role, fit(item.name, 15)),
            part(role, text),
        ];
        canvas.line(inner, row, &parts);
        if usize::from(row) == cursor {
            canvas.focus(inner, row);
        }
    }
}
