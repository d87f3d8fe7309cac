//! Text from outside, made harmless for a Markdown table.

use crate::base::{Timestamp, Untrusted};

/// One cell: foreign text on one line that can neither end its cell nor be
/// read as Markdown or HTML, and drives no terminal.
///
/// What `Untrusted` writes for a control character is escaped with it, so the
/// reader sees the very same letters in the rendered page.
pub fn cell(text: &str) -> String {
    let shown = Untrusted::new(text).to_string();
    let mut out = String::with_capacity(shown.len());
    let letters: Vec<char> = shown.chars().collect();
    for (place, letter) in letters.iter().enumerate() {
        let beside = |at: Option<usize>| at.and_then(|at| letters.get(at));
        match letter {
            // Within a word it stands for itself: dual_write.
            '_' => {
                let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
                if !(word(beside(place.checked_sub(1))) && word(beside(Some(place + 1)))) {
                    out.push('\\');
                }
                out.push('_');
            }
            '\\' | '`' | '*' | '[' | ']' | '<' | '&' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(*letter);
            }
            letter => out.push(*letter),
        }
    }
    out
}

/// `2026-11-21 14:02:31`, UTC.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..19) {
        Some(whole) if text.len() >= 20 => whole.replace('T', " "),
        _ => text,
    }
}

/// Columns that stand below each other as plain text too. The last column is
/// as wide as its text: one long cell must not push all others away.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        Self {
            rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()],
        }
    }

    /// Cells as they are to stand there: escaped by whoever makes them.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    pub(super) fn write(&self, out: &mut String) {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (place, row) in self.rows.iter().enumerate() {
            let last = columns.saturating_sub(1);
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, wide))| match column == last {
                true => cell.clone(),
                false => format!("{cell:<wide$}"),
            });
            let cells: Vec<String> = cells.collect();
            out.push_str(format!("| {} |", cells.join(" | ")).trim_end());
            out.push('\n');
            if place == 0 {
                let head = row.last().map_or(3, |cell| cell.chars().count().max(3));
                let rules = widths
                    .iter()
                    .enumerate()
                    .map(|(column, wide)| "-".repeat(if column == last { head } else { *wide }));
                let rules: Vec<String> = rules.collect();
                out.push_str(&format!("| {} |\n", rules.join(" | ")));
            }
        }
    }
}
