//! Text cut and padded to cells.

use ratatui::text::Span;

/// Cells a text takes.
pub(in crate::cockpit) fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        Span::raw(text).width()
    }
}

/// Exactly `cells` wide, padded on the right, cut with `…`.
pub(in crate::cockpit) fn fit(text: &str, cells: usize) -> String {
    let (mut text, used) = cut(text, cells);
    text.extend(std::iter::repeat_n(' ', cells.saturating_sub(used)));
    text
}

/// Exactly `cells` wide, padded on the left: numbers keep their column.
pub(in crate::cockpit) fn fit_right(text: &str, cells: usize) -> String {
    let (text, used) = cut(text, cells);
    let mut out = " ".repeat(cells.saturating_sub(used));
    out.push_str(&text);
    out
}

fn cut(text: &str, cells: usize) -> (String, usize) {
    let whole = width(text);
    if whole <= cells {
        return (text.to_owned(), whole);
    }
    let room = cells.saturating_sub(1);
    let (mut out, mut used) = (String::new(), 0);
    for letter in text.chars() {
        let wide = width(letter.encode_utf8(&mut [0; 4]));
        if used + wide > room {
            break;
        }
        out.push(letter);
        used += wide;
    }
    if cells > 0 {
        out.push('…');
        used += 1;
    }
    (out, used)
}

/// A bar of `cells` for a percentage.
pub(in crate::cockpit) fn bar(percent: u8, cells: usize) -> String {
    const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = usize::from(percent.min(100)) * cells * 8 / 100;
    let (full, rest) = (eighths / 8, eighths % 8);
    let mut out: String = std::iter::repeat_n('█', full).collect();
    if rest > 0 {
        out.push(EIGHTHS[rest - 1]);
    }
    let used = full + usize::from(rest > 0);
    out.extend(std::iter::repeat_n('░', cells - used));
    out
}

/// The newest values as a line of blocks, the last one at the right end; the
/// highest is a full block, and nothing is an empty cell.
pub(in crate::cockpit) fn spark(values: &[u64], cells: usize) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = &values[values.len().saturating_sub(cells)..];
    let most = shown.iter().copied().max().unwrap_or(0);
    let mut out = " ".repeat(cells - shown.len());
    out.extend(shown.iter().map(|value| {
        let level = u128::from(*value) * 8 / u128::from(most.max(1));
        match usize::try_from(level).unwrap_or(8) {
            0 if *value == 0 => ' ',
            level => LEVELS[level.clamp(1, 8) - 1],
        }
    }));
    out
}

/// Lines of at most `cells`, broken at spaces; a line break stays one.
pub(in crate::cockpit) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let room = cells.saturating_sub(width(&line) + usize::from(!line.is_empty()));
            if !line.is_empty() && width(word) > room {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}
