//! Keys as data: defaults out of the action list, patched by a person's own
//! `keymap.toml`. A mistake in that file is a warning; the default stays.

use super::action::{ACTIONS, Action, Item};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt;
use std::str::FromStr;
use toml::{Table, Value};

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
            Self::Plain(code) => match (NAMED.iter().find(|(_, c)| c == code), code) {
                (Some((name, _)), _) => f.write_str(name),
                (None, KeyCode::Char(c)) => write!(f, "{c}"),
                (None, _) => f.write_str("?"),
            },
        }
    }
}

/// Keys with names of their own.
const NAMED: [(&str, KeyCode); 12] = [
    ("Space", KeyCode::Char(' ')),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
];

impl FromStr for Key {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let only = |text: &str| {
            let mut letters = text.chars();
            letters.next().filter(|_| letters.next().is_none())
        };
        if let Some(letter) = text.strip_prefix("Ctrl-").and_then(only) {
            return Ok(Self::Ctrl(letter.to_ascii_lowercase()));
        }
        if let Some((_, code)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Plain(*code));
        }
        let letter = only(text).filter(|c| !c.is_control() && !c.is_whitespace());
        letter.map(|c| Self::Plain(KeyCode::Char(c))).ok_or(())
    }
}

/// Which key does what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    keys: Vec<(Key, Action)>,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = ACTIONS
            .iter()
            .flat_map(|item| item.keys.iter().map(|key| (*key, item.action)));
        Self {
            keys: keys.collect(),
        }
    }
}

impl Keymap {
    /// The defaults with a person's own file over them, and what was wrong
    /// with the file, one sentence each.
    ///
    /// The file names actions as the command line does:
    /// `keys = { hold = ["H"], "page down" = ["Ctrl-d"] }`.
    pub fn patched(text: &str) -> (Self, Vec<String>) {
        let mut keymap = Self::default();
        let mut warnings = Vec::new();
        match text.parse::<Table>() {
            Ok(table) => keymap.patch(&table, &mut warnings),
            Err(error) => warnings.push(format!("keymap: {}", error.message())),
        }
        (keymap, warnings)
    }

    /// The action of a key on the fleet screen.
    pub fn action(&self, key: Key) -> Option<Action> {
        let found = self.keys.iter().find(|(k, _)| *k == key);
        found.map(|(_, action)| *action)
    }

    /// The keys of an action, the first one for hints.
    pub fn keys(&self, action: Action) -> impl Iterator<Item = Key> {
        let of = self.keys.iter().filter(move |(_, a)| *a == action);
        of.map(|(key, _)| *key)
    }

    fn patch(&mut self, table: &Table, warnings: &mut Vec<String>) {
        for (name, value) in table {
            match (name.as_str(), value) {
                ("keys", Value::Table(keys)) => {
                    for (name, value) in keys {
                        if let Err(warning) = self.rebind(name, value) {
                            warnings.push(format!("keymap: {name}: {warning}"));
                        }
                    }
                }
                _ => warnings.push(format!("keymap: {name} is not known; there is only [keys]")),
            }
        }
        warnings.extend(self.conflicts());
    }

    fn rebind(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let item = ACTIONS
            .iter()
            .find(|item| item.name == name)
            .ok_or("there is no such action; ? lists them")?;
        let texts = value.as_array().ok_or("must be a list of keys")?;
        let mut keys = Vec::new();
        for text in texts {
            let text = text.as_str().ok_or("must be a list of texts")?;
            let key: Key = text.parse().map_err(|()| {
                format!("{text:?} is no key; keys are letters, Ctrl-x, Enter, PgUp")
            })?;
            allowed(item, key)?;
            keys.push((key, item.action));
        }
        self.keys.retain(|(_, action)| *action != item.action);
        self.keys.extend(keys);
        Ok(())
    }

    /// The first of two actions keeps the key.
    fn conflicts(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (place, (key, action)) in self.keys.iter().enumerate() {
            let first = self.keys[..place].iter().find(|(k, _)| k == key);
            if let Some((_, first)) = first {
                let (first, second) = (first.item().name, action.item().name);
                found.push(format!(
                    "keymap: {key} means {first} and {second}; it does {first}"
                ));
            }
        }
        found
    }
}

/// What changes something is never one small letter away from what looks.
fn allowed(item: &Item, key: Key) -> Result<(), String> {
    let small = key.typed().is_some_and(|c| !c.is_ascii_uppercase());
    if item.mutates() && (small || key.typed().is_none()) {
        return Err(format!(
            "changes something, so {key} is refused: use a capital"
        ));
    }
    Ok(())
}
