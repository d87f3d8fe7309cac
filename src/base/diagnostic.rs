//! One mistake in a file, told so that an operator can mend it.

use crate::base::Untrusted;
use std::fmt;
use std::path::Path;

/// One mistake: where it is, what is wrong, what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file as the operator named it.
    pub file: String,
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// The key it is about, such as `shard.s01.candidates`; empty for the file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub remedy: String,
    /// The source line with a caret underline; absent where showing the line
    /// could show a secret.
    pub excerpt: Option<String>,
}

impl Diagnostic {
    /// A mistake that concerns a whole file.
    pub fn whole_file(file: &Path, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            file: file.display().to_string(),
            line: 0,
            column: 0,
            key: String::new(),
            message: message.into(),
            remedy: remedy.into(),
            excerpt: None,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Untrusted::new(&self.file))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", Untrusted::new(&self.message))?;
        for line in self.excerpt.iter().flat_map(|excerpt| excerpt.lines()) {
            write!(f, "\n  {}", Untrusted::new(line))?;
        }
        if !self.key.is_empty() {
            write!(f, "\n  key: {}", Untrusted::new(&self.key))?;
        }
        write!(f, "\n  help: {}", Untrusted::new(&self.remedy))
    }
}

/// Every mistake found in one go; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// A file that could not be read.
    pub fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path; it is taken from where you are",
            std::io::ErrorKind::PermissionDenied => "give this user the right to read it",
            std::io::ErrorKind::InvalidData => "save the file as UTF-8 text",
            _ => "check the path and the disk",
        };
        let message = format!("the file cannot be read: {error}");
        Self(vec![Diagnostic::whole_file(file, message, remedy)])
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, diagnostic) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
