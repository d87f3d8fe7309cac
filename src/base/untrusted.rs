//! Text from outside: table names, errors, hosts, queries.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest piece of foreign text shown in one place, in characters.
const SHOWN_CHARS_MAX: usize = 400;

/// Text that a database, a file or a peer gave us. Showing it escapes C0, DEL,
/// C1, line separators and bidirectional controls, so it can never drive a terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Wraps foreign text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// All of it, line by line: for logs, where nothing is cut.
    pub fn in_full(&self) -> impl fmt::Display {
        InFull(&self.0)
    }

    /// The text as it came; never for a screen.
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(SHOWN_CHARS_MAX) {
            show(c, f)?;
        }
        if self.0.chars().nth(SHOWN_CHARS_MAX).is_some() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

/// See [`Untrusted::in_full`].
struct InFull<'a>(&'a str);

impl fmt::Display for InFull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\n' => f.write_str("\n"),
            c => show(c, f),
        })
    }
}

fn show(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_active(c) {
        write!(f, "\\u{{{:x}}}", c as u32)
    } else {
        write!(f, "{c}")
    }
}

/// Characters that act on a terminal or reorder text instead of being shown.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}
