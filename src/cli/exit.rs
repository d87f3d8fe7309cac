//! Exit codes, the same for every command.

use serde::Serialize;

/// What a command's exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed, or a promise was broken.
    Failed,
    /// Bad input; nothing was touched.
    BadInput,
    /// Refused by a rule.
    Refused,
    /// Waiting for a human (headless).
    Waiting,
    /// Another engine owns it.
    Owned,
}

impl Exit {
    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::BadInput => "bad_input",
            Self::Refused => "refused",
            Self::Waiting => "waiting",
            Self::Owned => "owned",
        }
    }

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::BadInput => 2,
            Self::Refused => 3,
            Self::Waiting => 4,
            Self::Owned => 5,
        }
    }
}

/// A command that ended early: what to say, and with which code.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The code.
    pub exit: Exit,
    /// What to say, on stderr.
    pub text: String,
}

impl Ended {
    /// With a code and a text.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
        }
    }
}

/// One object for programs, laid out for people too.
///
/// # Errors
/// It cannot be written as JSON.
pub(super) fn pretty<T: Serialize>(value: &T) -> Result<String, Ended> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n")
        .map_err(|e| Ended::new(Exit::Failed, e.to_string()))
}
