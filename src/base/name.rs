//! Names that operators choose: shards, rings, migrations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A name must be short and safe to print, to type and to use as a file name.
pub const NAME_CHARS_MAX: usize = 48;

/// Why a text cannot be a name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a name starts with a letter or digit and has at most {NAME_CHARS_MAX} of a-z, 0-9, '-' and '_'"
)]
pub struct NameError;

fn check(text: &str) -> Result<(), NameError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let starts_well = text.chars().next().is_some_and(plain);
    let all_plain = text.chars().all(|c| plain(c) || c == '-' || c == '_');
    if starts_well && all_plain && text.len() <= NAME_CHARS_MAX {
        Ok(())
    } else {
        Err(NameError)
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(into = "String", try_from = "String")]
        #[schemars(extend("pattern" = "^[a-z0-9][a-z0-9_-]{0,47}$"))]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
    };
}

name_type!(
    /// One logical database.
    ShardName
);
name_type!(
    /// An ordered group of shards.
    RingName
);
name_type!(
    /// One change, from a migration file.
    MigrationName
);
