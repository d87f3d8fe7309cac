//! References to secrets, and the one place that follows them.

use crate::base::{Secret, Untrusted};
use crate::fleet::command::{self, CommandError};
use crate::fleet::model::SecretRef;
use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A secret is short; a longer file is a mistake.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The text is not a reference. It is never repeated: it may be the secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("this is not a reference to a secret")]
pub struct SecretRefError;

impl SecretRefError {
    /// What would be right.
    pub fn remedy() -> &'static str {
        "write \"env:NAME\", \"file:PATH\" or \"exec:COMMAND ARG …\"; the secret itself never stands in a file of pilothouse"
    }
}

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is missing or not text.
    #[error("the environment variable {0} is not set; set it for the process that runs pilothouse")]
    NotSet(Untrusted),
    /// Nothing there.
    #[error("{0} gives an empty secret")]
    Empty(Untrusted),
    /// The file could not be read.
    #[error("the secret file {path} cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: Untrusted,
        /// What the system says.
        error: std::io::Error,
    },
    /// Others could read the file.
    #[error(
        "the secret file {path} has mode {mode:03o}, so others can read it; run chmod 600 on it"
    )]
    TooOpen {
        /// The file.
        path: Untrusted,
        /// Its permission bits.
        mode: u32,
    },
    /// The command gave no secret. What it wrote is not repeated.
    #[error("the secret command failed: {0}")]
    Command(#[from] CommandError),
}

/// Reads a reference; relative paths are taken from `base`.
pub fn parse_secret_ref(text: &str, base: &Path) -> Result<SecretRef, SecretRefError> {
    let (kind, rest) = text.split_once(':').ok_or(SecretRefError)?;
    match kind {
        "env" => {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let named = !rest.is_empty() && rest.chars().all(plain);
            let starts_well = !rest.starts_with(|c: char| c.is_ascii_digit());
            match named && starts_well {
                true => Ok(SecretRef::Env(rest.to_owned())),
                false => Err(SecretRefError),
            }
        }
        "file" if !rest.trim().is_empty() => Ok(SecretRef::File(base.join(rest))),
        "exec" => {
            let mut words: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
            let program = words.first_mut().ok_or(SecretRefError)?;
            *program = command::program(program, base);
            Ok(SecretRef::Exec(words))
        }
        _ => Err(SecretRefError),
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Exec(words) => write!(f, "exec:{}", words.join(" ")),
        }
    }
}

impl SecretRef {
    /// Fetches the secret. Blocks for up to ten seconds when a command is run.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        let text = match self {
            Self::Env(name) => {
                std::env::var(name).map_err(|_| SecretError::NotSet(Untrusted::new(name)))?
            }
            Self::File(path) => read_private(path)?,
            Self::Exec(words) => {
                let output = command::run(words, Path::new("/"))?;
                let line = output.split(['\n', '\r']).next().unwrap_or_default();
                line.to_owned()
            }
        };
        match text.is_empty() {
            true => Err(SecretError::Empty(Untrusted::new(self.to_string()))),
            false => Ok(Secret::new(text)),
        }
    }
}

/// The file without its last line end, if only its owner may read it. The
/// opened file is asked, so that nobody can swap it between look and read.
fn read_private(path: &PathBuf) -> Result<String, SecretError> {
    let shown = || Untrusted::new(path.display().to_string());
    let unreadable = |error| SecretError::Unreadable {
        path: shown(),
        error,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::TooOpen {
            path: shown(),
            mode,
        });
    }
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
