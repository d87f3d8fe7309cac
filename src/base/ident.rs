//! SQL identifiers: the only way a name from a file or a catalog gets into SQL.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest identifier PostgreSQL keeps, in bytes (`NAMEDATALEN - 1`).
pub const IDENT_BYTES_MAX: usize = 63;

/// One identifier, kept as the catalog spells it; [`Display`](fmt::Display)
/// quotes it (`"` doubled), which is right for PostgreSQL and SQLite alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Ident(String);

/// Why a text cannot be an identifier.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdentError {
    /// Nothing there.
    #[error("an identifier cannot be empty")]
    Empty,
    /// PostgreSQL would cut it silently.
    #[error("an identifier has at most {IDENT_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// NUL or another control character.
    #[error("an identifier cannot contain control characters")]
    Control,
}

impl Ident {
    /// Checks and keeps a name as the catalog spells it (no folding).
    pub fn new(name: impl Into<String>) -> Result<Self, IdentError> {
        let name = name.into();
        if name.is_empty() {
            return Err(IdentError::Empty);
        }
        if name.len() > IDENT_BYTES_MAX {
            return Err(IdentError::TooLong(name.len()));
        }
        if name.chars().any(char::is_control) {
            return Err(IdentError::Control);
        }
        Ok(Self(name))
    }

    /// The bare name, for catalog look-ups by parameter and for screens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl From<Ident> for String {
    fn from(ident: Ident) -> Self {
        ident.0
    }
}

impl TryFrom<String> for Ident {
    type Error = IdentError;

    fn try_from(name: String) -> Result<Self, IdentError> {
        Self::new(name)
    }
}

/// A string literal for places where SQL takes no parameter (DDL bodies).
///
/// Right with `standard_conforming_strings = on`, which every session of ours
/// reads back in preflight. NUL cannot be in a Rust literal that PostgreSQL
/// accepts; it is dropped.
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}
