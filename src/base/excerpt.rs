//! The source line under a diagnostic, with a caret underline.
//!
//! A line that may hold a secret is never shown.

use crate::base::Untrusted;
use std::ops::Range;

/// Lines longer than this are shown in part, in characters.
const LINE_CHARS_MAX: usize = 120;
/// How much stands before the underlined part of a long line.
const LEAD_CHARS: usize = 40;

/// Line and column, both from 1, of a byte offset.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..floor(text, offset)];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

/// The line that holds the start of `span`, underlined as far as it reaches.
pub(super) fn excerpt(text: &str, span: &Range<usize>) -> Option<String> {
    let start = floor(text, span.start);
    let (number, _) = line_and_column(text, start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |n| start + n);
    let line = text[line_start..line_end].trim_end();
    if line.trim().is_empty() || may_hold_secret(line) {
        return None;
    }
    let end = floor(text, span.end).clamp(start, line_start + line.len().max(start - line_start));
    let before = &text[line_start..start];
    let marked = &text[start..end];
    let after = line.get(end - line_start..).unwrap_or("");
    let (before, marked, after) = shorten(before, marked, after);
    let gutter = number.to_string();
    let blank = " ".repeat(gutter.len());
    let indent = " ".repeat(before.chars().count());
    let carets = "^".repeat(marked.chars().count().max(1));
    Some(format!(
        "{blank} |\n{gutter} | {before}{marked}{after}\n{blank} | {indent}{carets}"
    ))
}

/// Escapes the three parts and cuts a long line around the marked one.
fn shorten(before: &str, marked: &str, after: &str) -> (String, String, String) {
    let shown = |part: &str| Untrusted::new(part.replace('\t', " ")).to_string();
    let (mut before, mut marked, mut after) = (shown(before), shown(marked), shown(after));
    let count = |part: &str| part.chars().count();
    if count(&before) + count(&marked) + count(&after) <= LINE_CHARS_MAX {
        return (before, marked, after);
    }
    if count(&before) > LEAD_CHARS {
        let skipped = count(&before) - LEAD_CHARS;
        before = format!("…{}", before.chars().skip(skipped).collect::<String>());
    }
    marked = cut(&marked, LINE_CHARS_MAX - LEAD_CHARS);
    let room = LINE_CHARS_MAX.saturating_sub(count(&before) + count(&marked));
    after = cut(&after, room);
    (before, marked, after)
}

fn cut(part: &str, chars_max: usize) -> String {
    if part.chars().count() <= chars_max {
        return part.to_owned();
    }
    let kept: String = part.chars().take(chars_max).collect();
    format!("{kept}…")
}

/// Keys whose values are secrets or references to them.
const SECRET_KEYS: [&str; 5] = ["password", "url", "key", "slack", "webhook"];

/// Whether showing the line could show a secret: a password inside a URL, an
/// address of the web, or a key for a secret that is not a reference. Rather
/// once too often than once too seldom.
fn may_hold_secret(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let web = ["http://", "https://", "whsec_"];
    url_with_password(line)
        || web.iter().any(|sign| lower.contains(sign))
        || SECRET_KEYS.iter().any(|key| plain_secret(&lower, key))
}

fn url_with_password(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let user_info = match rest.rfind('@') {
            Some(at) => &rest[..at],
            None => rest,
        };
        user_info.contains(':')
    })
}

fn plain_secret(line: &str, key: &str) -> bool {
    let quotes: &[char] = &['"', '\'', ' ', '\t'];
    line.split(key)
        .skip(1)
        .filter_map(|rest| rest.trim_start_matches(quotes).strip_prefix('='))
        .map(|value| value.trim_start_matches(quotes))
        // What stands within is looked at on its own.
        .filter(|value| !value.starts_with('{'))
        .any(|value| {
            !["env:", "file:", "exec:"]
                .iter()
                .any(|kind| value.starts_with(kind))
        })
}

/// The nearest character boundary at or before `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
