//! Keys as data, so that help, footer and menu can print them.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt;

/// One key as an action names it. Shift is part of the character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Without Control.
    Plain(KeyCode),
    /// With Control.
    Ctrl(char),
}

impl Key {
    /// The key of an event; `None` for chords that nobody uses.
    pub fn of(event: &KeyEvent) -> Option<Self> {
        let held = event.modifiers - KeyModifiers::SHIFT;
        match event.code {
            code if held.is_empty() => Some(Self::Plain(code)),
            KeyCode::Char(c) if held == KeyModifiers::CONTROL => Some(Self::Ctrl(c)),
            _ => None,
        }
    }

    /// A character typed into a field.
    pub fn typed(self) -> Option<char> {
        match self {
            Self::Plain(KeyCode::Char(c)) => Some(c),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ctrl(c) => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            Self::Plain(KeyCode::Char(' ')) => f.write_str("Space"),
            Self::Plain(KeyCode::Char(c)) => write!(f, "{c}"),
            Self::Plain(code) => f.write_str(match code {
                KeyCode::Up => "Up",
                KeyCode::Down => "Down",
                KeyCode::Home => "Home",
                KeyCode::End => "End",
                KeyCode::PageUp => "PgUp",
                KeyCode::PageDown => "PgDn",
                KeyCode::Enter => "Enter",
                KeyCode::Esc => "Esc",
                KeyCode::Tab => "Tab",
                _ => "?",
            }),
        }
    }
}
