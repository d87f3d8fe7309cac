//! Theme files: `inherits`, `[palette]`, `[roles]`.

use super::Theme;
use super::look::{Depth, Look};
use super::role::Role;
use ratatui::style::{Color, Modifier};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// The theme everything falls back to: the terminal's own 16 colours.
const DEFAULT: &str = "default";

const BUILT_IN: [(&str, &str); 8] = [
    (DEFAULT, include_str!("../../../themes/default.toml")),
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../../themes/high-contrast.toml"),
    ),
    (
        "deuteranopia",
        include_str!("../../../themes/deuteranopia.toml"),
    ),
    (
        "tritanopia",
        include_str!("../../../themes/tritanopia.toml"),
    ),
    ("no-colour", include_str!("../../../themes/no-colour.toml")),
    (
        "sixteen-light",
        include_str!("../../../themes/sixteen-light.toml"),
    ),
];

/// Longest chain of `inherits`.
const CHAIN_MAX: usize = 8;

/// Theme texts by name.
#[derive(Clone, Debug)]
pub struct Library {
    texts: BTreeMap<String, String>,
}

/// A theme, and what was wrong with its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The theme.
    pub theme: Theme,
    /// One sentence each.
    pub warnings: Vec<String>,
}

impl Default for Library {
    fn default() -> Self {
        let texts = BUILT_IN.map(|(name, text)| (name.to_owned(), text.to_owned()));
        Self {
            texts: texts.into(),
        }
    }
}

impl Library {
    /// Adds a person's own theme; it stands before a built-in one of its name.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.insert(name.into(), text.into());
    }

    /// Every name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.texts.keys().map(String::as_str)
    }

    /// The theme of that name as a terminal of this depth shows it.
    pub fn load(&self, name: &str, depth: Depth) -> Loaded {
        let mut warnings = Vec::new();
        let fallback = self.full(DEFAULT, &mut Vec::new());
        let theme = if self.texts.contains_key(name) {
            self.full(name, &mut warnings)
        } else {
            let names: Vec<&str> = self.names().collect();
            warnings.push(format!(
                "there is no theme {name}; there are {}",
                names.join(", ")
            ));
            fallback.clone()
        };
        Loaded {
            theme: theme.at(depth, &fallback),
            warnings,
        }
    }

    /// The file and all it inherits, the remotest ancestor first.
    fn full(&self, name: &str, warnings: &mut Vec<String>) -> Theme {
        let mut chain: Vec<(String, Table)> = Vec::new();
        let mut next = Some(name.to_owned());
        while let Some(name) = next.take() {
            if chain.iter().any(|(seen, _)| *seen == name) || chain.len() == CHAIN_MAX {
                warnings.push(format!("theme {name} inherits itself"));
                break;
            }
            let Some(text) = self.texts.get(&name) else {
                warnings.push(format!("theme {name}, which is inherited, does not exist"));
                break;
            };
            let table = text.parse::<Table>().unwrap_or_else(|error| {
                warnings.push(format!("theme {name}: {}", error.message()));
                Table::new()
            });
            next = table
                .get("inherits")
                .and_then(Value::as_str)
                .map(str::to_owned);
            chain.push((name, table));
        }
        let mut theme = Theme {
            name: name.to_owned(),
            looks: [Look::default(); Role::ALL.len()],
        };
        let mut palette = BTreeMap::new();
        for (name, table) in chain.iter().rev() {
            let mut reader = Reader { name, warnings };
            reader.known(table, &["inherits", "palette", "roles"], "");
            reader.palette(table, &mut palette);
            reader.roles(table, &palette, &mut theme);
        }
        theme
    }
}

/// One file, read leniently.
struct Reader<'a> {
    name: &'a str,
    warnings: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn warn(&mut self, what: &str) {
        self.warnings.push(format!("theme {}: {what}", self.name));
    }

    fn known(&mut self, table: &Table, known: &[&str], place: &str) {
        for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
            let known = known.join(", ");
            self.warn(&format!("{place}{key} is not known; known are {known}"));
        }
    }

    fn table<'t>(&mut self, table: &'t Table, key: &str) -> Option<&'t Table> {
        let value = table.get(key)?;
        let found = value.as_table();
        if found.is_none() {
            self.warn(&format!("{key} must be a table"));
        }
        found
    }

    fn palette(&mut self, table: &Table, palette: &mut BTreeMap<String, Color>) {
        let Some(named) = self.table(table, "palette") else {
            return;
        };
        for (name, value) in named {
            let colour = value.as_str().and_then(|text| text.parse().ok());
            match colour {
                Some(colour) => drop(palette.insert(name.clone(), colour)),
                None => self.warn(&format!("palette.{name}: {} is no colour", shown(value))),
            }
        }
    }

    fn roles(&mut self, table: &Table, palette: &BTreeMap<String, Color>, theme: &mut Theme) {
        let Some(roles) = self.table(table, "roles") else {
            return;
        };
        for (name, value) in roles {
            let Some(role) = Role::named(name) else {
                let known = Role::ALL.map(Role::name).join(", ");
                self.warn(&format!("roles.{name} is no role; roles are {known}"));
                continue;
            };
            match value.as_table() {
                Some(table) => theme.looks[role.place()] = self.look(name, table, palette),
                None => self.warn(&format!("roles.{name} must be a table")),
            }
        }
    }

    fn look(&mut self, role: &str, table: &Table, palette: &BTreeMap<String, Color>) -> Look {
        const MODIFIERS: [(&str, Modifier); 4] = [
            ("bold", Modifier::BOLD),
            ("dim", Modifier::DIM),
            ("reverse", Modifier::REVERSED),
            ("underline", Modifier::UNDERLINED),
        ];
        let known = ["fg", "bg", "bold", "dim", "reverse", "underline"];
        self.known(table, &known, &format!("roles.{role}."));
        let mut look = Look {
            fg: self.colour(role, "fg", table, palette),
            bg: self.colour(role, "bg", table, palette),
            modifier: Modifier::empty(),
        };
        for (key, modifier) in MODIFIERS {
            match table.get(key).map(Value::as_bool) {
                Some(Some(true)) => look.modifier |= modifier,
                Some(None) => self.warn(&format!("roles.{role}.{key} must be true or false")),
                Some(Some(false)) | None => {}
            }
        }
        look
    }

    fn colour(
        &mut self,
        role: &str,
        key: &str,
        table: &Table,
        palette: &BTreeMap<String, Color>,
    ) -> Option<Color> {
        let value = table.get(key)?;
        let named = value.as_str().and_then(|text| {
            let own = palette.get(text).copied();
            own.or_else(|| text.parse().ok())
        });
        if named.is_none() {
            self.warn(&format!(
                "roles.{role}.{key}: {} is neither in [palette] nor a colour",
                shown(value)
            ));
        }
        named
    }
}

/// A value for a warning.
fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.type_str().to_owned(), |text| format!("{text:?}"))
}
