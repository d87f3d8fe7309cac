//! Who did what, when, and why; and whether the record is whole.

use super::super::lines::{Lines, said};
use super::list::List;
use crate::cockpit::model::Model;
use crate::cockpit::theme::Role;
use crate::cockpit::widgets::{Canvas, Part, fit, fit_right, part, sign, wrap};
use crate::wire::{JournalEntry, JournalPage, Sign, words};
use ratatui::layout::Rect;

/// Entries that pass the filter: every word stands in scope, text, actor,
/// cause or reason.
pub(super) fn shown(model: &Model) -> impl Iterator<Item = &JournalEntry> {
    let entries = model.seen.journal.as_ref().map_or(&[][..], |j| &j.entries);
    let words: Vec<String> = model
        .shown
        .filter
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    entries.iter().filter(move |entry| {
        if words.is_empty() {
            return true;
        }
        let all = format!(
            "{} {} {} {} {}",
            entry.scope, entry.text, entry.actor, entry.cause, entry.reason
        );
        let all = all.to_lowercase();
        words.iter().all(|word| all.contains(word))
    })
}

pub(super) fn draw(canvas: &mut Canvas<'_>, model: &Model, area: Rect) {
    let entries: Vec<&JournalEntry> = shown(model).collect();
    let nothing = match &model.seen.journal {
        None => "Waiting for the journal.",
        Some(_) => "No entry matches; Esc clears the filter.",
    };
    let wide = usize::from(area.width);
    let list = List {
        head: head(model, entries.len()),
        cursor: model.shown.cursor(entries.len()),
        count: entries.len(),
        nothing,
        row: &|place| row(entries[place]),
        opened: &|place| opened(model, entries[place], wide),
    };
    list.draw(canvas, model, area);
}

fn head(model: &Model, shown: usize) -> Lines {
    let Some(page) = &model.seen.journal else {
        return Vec::new();
    };
    let first = page.entries.first().map_or(0, |e| e.seq);
    let filter = match model.shown.filter.as_str() {
        "" => String::new(),
        text => format!("/{text}  "),
    };
    let range = format!(
        "{filter}{shown} of the newest {} entries, from #{first} on",
        page.entries.len()
    );
    vec![chain(model, page), said("Shown", range)]
}

/// The chain is checked whenever it is opened; what a screen can say is where
/// it ends, and whether it can be written.
fn chain(model: &Model, page: &JournalPage) -> Vec<Part> {
    let head = page.head.as_ref().map_or_else(
        || "empty".into(),
        |head| format!("ends at #{} {}", head.seq, head.hash.short()),
    );
    let state = match &page.trouble {
        None => sign(Sign::Done, "written"),
        Some((since, why)) => {
            let lasting = words::lasting(model.now, *since);
            sign(
                Sign::Failed,
                &format!("cannot be written ({lasting}): {why}"),
            )
        }
    };
    let mut line = said("Chain", format!("{head}  "));
    line.push(state);
    line
}

fn row(entry: &JournalEntry) -> Vec<Part> {
    vec![
        part(Role::Muted, fit_right(&format!("#{}", entry.seq), 6)),
        part(Role::Muted, format!("  {}  ", entry.at.clock())),
        part(Role::Text, fit(&entry.scope.to_string(), 13)),
        part(Role::Text, format!(" {}", entry.text)),
        part(Role::Muted, format!("  {}", entry.actor)),
    ]
}

fn opened(model: &Model, entry: &JournalEntry, wide: usize) -> Lines {
    let room = wide.saturating_sub(16).max(20);
    let mut lines = vec![
        said(
            "When",
            format!("{} ({})", entry.at, words::ended(model.now, entry.at)),
        ),
        said("Who", format!("{}, {}", entry.actor, entry.cause)),
    ];
    if !entry.reason.is_empty() {
        lines.push(said("Reason", entry.reason.clone()));
    }
    for (place, text) in wrap(&entry.text, room).into_iter().enumerate() {
        lines.push(said(if place == 0 { "What" } else { "" }, text));
    }
    for (place, text) in entry.json.lines().enumerate() {
        lines.push(said(if place == 0 { "Entry" } else { "" }, text));
    }
    lines
}
