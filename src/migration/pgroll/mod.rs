//! Reads migrations of pgroll (YAML or JSON) by writing them anew as ours:
//! there is one way from a text to a migration, and this leads into it.

mod column;
mod constraint;
mod convert;
mod file;

use crate::base::MigrationName;
use std::fmt;
use std::path::Path;

/// Why a file of pgroll cannot become a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no pgroll migration.
    Syntax(String),
    /// It asks for what pilothouse does not do, each with the reason.
    Refused(Vec<String>),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => write!(f, "not a pgroll migration: {error}"),
            Self::Refused(reasons) => f.write_str(&reasons.join("\n")),
        }
    }
}

/// Whether a file is pgroll's by its ending.
pub fn is_pgroll(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("yaml" | "yml" | "json"))
}

/// The text of our migration file that says the same. `schema` is where its
/// tables are.
///
/// # Errors
/// It is no pgroll migration, or asks for what pilothouse does not do.
pub fn import(text: &str, path: &Path, schema: &str) -> Result<String, Unreadable> {
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    let file: file::File = match is_json {
        true => serde_json::from_str(text).map_err(|e| Unreadable::Syntax(e.to_string()))?,
        false => serde_saphyr::from_str(text).map_err(|e| Unreadable::Syntax(e.to_string()))?,
    };
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let name = file.name.clone().or_else(|| stem.map(str::to_owned));
    let name = name_of(&name.unwrap_or_default());
    convert::convert(&name, schema, &file).map_err(Unreadable::Refused)
}

/// A name that ours may have: pgroll takes any file name.
fn name_of(text: &str) -> String {
    if MigrationName::new(text).is_ok() {
        return text.to_owned();
    }
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() || c == '_' => c,
        _ => '-',
    };
    let name: String = text.chars().map(plain).collect();
    let name = name.trim_start_matches(['-', '_']);
    name.chars().take(crate::base::NAME_CHARS_MAX).collect()
}
