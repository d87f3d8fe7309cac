//! A column type as written: one type, and nothing else hidden in it.

use crate::migration::expression::{ExpressionError, TokenKind};
use crate::migration::expression_check::{balanced, meaningful};

/// Why a text is not a type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TypeError {
    /// Not even tokens.
    #[error("{0}")]
    Sql(#[from] ExpressionError),
    /// A column constraint or the like.
    #[error("\"{0}\" does not belong in a type")]
    Constraint(String),
    /// Brings a default and a sequence with it.
    #[error("\"{0}\" is not a type but a type with a sequence and a default")]
    Serial(String),
    /// A string, an operator, …
    #[error("{0} does not belong in a type")]
    Stray(String),
}

impl TypeError {
    /// What would be right.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Sql(error) => error.problem.remedy(),
            Self::Constraint(_) => {
                "write the bare type; nullable and default have keys of their own, other constraints an sql operation"
            }
            Self::Serial(_) => "use bigint, and create the sequence in an sql operation",
            Self::Stray(_) => "write the bare type, such as bigint or numeric(12, 2)",
        }
    }
}

const CONSTRAINT_WORDS: [&str; 12] = [
    "not",
    "null",
    "default",
    "check",
    "primary",
    "unique",
    "references",
    "constraint",
    "generated",
    "collate",
    "exclude",
    "foreign",
];
const SERIAL_WORDS: [&str; 6] = [
    "serial",
    "bigserial",
    "smallserial",
    "serial2",
    "serial4",
    "serial8",
];

/// Whether it is not a type but a type with a sequence and a default.
pub(super) fn is_serial(text: &str) -> bool {
    SERIAL_WORDS.contains(&text.trim().to_ascii_lowercase().as_str())
}

/// Checks the text of a type.
pub fn check_type(text: &str) -> Result<(), TypeError> {
    let all = meaningful(text)?;
    balanced(&all)?;
    for token in &all {
        match &token.kind {
            TokenKind::Word(word) if CONSTRAINT_WORDS.contains(&word.as_str()) => {
                return Err(TypeError::Constraint(word.clone()));
            }
            TokenKind::Word(word) if SERIAL_WORDS.contains(&word.as_str()) => {
                return Err(TypeError::Serial(word.clone()));
            }
            TokenKind::Word(_) | TokenKind::Quoted(_) | TokenKind::Number => {}
            TokenKind::Punctuation(mark) if *mark != ';' => {}
            _ => return Err(TypeError::Stray(format!("{:?}", token.text))),
        }
    }
    match &all[0].kind {
        TokenKind::Word(_) | TokenKind::Quoted(_) => Ok(()),
        _ => Err(TypeError::Stray(format!("{:?}", all[0].text))),
    }
}
