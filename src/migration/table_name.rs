//! Table names as migration files write them.

use crate::base::{Ident, IdentError, Untrusted};
use crate::migration::model::TableName;
use std::fmt;
use std::str::FromStr;

/// Why a text names no table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TableNameError {
    /// A part cannot be an identifier.
    #[error("{0}")]
    Ident(#[from] IdentError),
    /// Neither one part nor two, or quotes that do not fit.
    #[error("this is not a table name")]
    Parts,
}

impl TableNameError {
    /// What would be right.
    pub fn remedy() -> &'static str {
        "write \"table\" (in schema public) or \"schema.table\", spelled as the catalog spells it; a name with a dot or a space goes in quotes: '\"we.ird\".\"t\"'"
    }
}

impl FromStr for TableName {
    type Err = TableNameError;

    fn from_str(text: &str) -> Result<Self, TableNameError> {
        let (first, rest) = part(text)?;
        let (schema, table) = match rest.strip_prefix('.') {
            None if rest.is_empty() => ("public".to_owned(), first),
            None => return Err(TableNameError::Parts),
            Some(rest) => match part(rest)? {
                (second, "") => (first, second),
                _ => return Err(TableNameError::Parts),
            },
        };
        Ok(Self {
            schema: Ident::new(schema)?,
            table: Ident::new(table)?,
        })
    }
}

/// The part at the start, and what follows it.
fn part(text: &str) -> Result<(String, &str), TableNameError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let odd = name.contains(['"', ';']) || name.contains(char::is_whitespace);
        return match odd {
            true => Err(TableNameError::Parts),
            false => Ok((name.to_owned(), rest)),
        };
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            return Ok((name, &quoted[at + 1..]));
        }
    }
    Err(TableNameError::Parts)
}

impl TableName {
    /// `shop.customers`, for people.
    pub fn plain(&self) -> String {
        let bare = format!("{}.{}", self.schema.as_str(), self.table.as_str());
        Untrusted::new(bare).to_string()
    }
}

/// Quoted where SQL needs it, and read back by [`TableName::from_str`].
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}
