//! Whom to call and what to do: the keys of a migration file that are for the
//! people on call.
//!
//! They are no part of the migration and of its digest: an approval is about
//! what runs, and it must stay good when somebody mends a telephone number.

use crate::base::{Contacts, Findings};
use crate::migration::raw::RawMigration;
use std::io::Read as _;
use std::path::Path;

/// Longest runbook, in bytes: it travels to every cockpit that shows it.
const BYTES_MAX: u64 = 64 * 1024;
/// Longest name of somebody to call, in characters: one line has room for two.
const CONTACT_CHARS_MAX: usize = 80;

/// Checks the keys.
pub(super) fn contacts(raw: &RawMigration, findings: &mut Findings<'_>) -> Contacts {
    if raw
        .runbook
        .as_ref()
        .is_some_and(|path| path.trim().is_empty())
    {
        let remedy = "write the path of a Markdown file, from where this file is; or leave it out";
        findings.report("runbook", "the runbook has no path", remedy);
    }
    Contacts {
        owner: contact("owner", raw.owner.as_deref(), findings),
        escalation: contact("escalation", raw.escalation.as_deref(), findings),
    }
}

fn contact(key: &str, text: Option<&str>, findings: &mut Findings<'_>) -> Option<String> {
    let text = text?.trim();
    if text.is_empty() || text.contains(char::is_control) {
        let remedy = "say in a few words whom to call and how; or leave it out";
        findings.report(key, "this names nobody who could be called", remedy);
        return None;
    }
    let length = text.chars().count();
    if length > CONTACT_CHARS_MAX {
        let message = format!("{length} characters, at most {CONTACT_CHARS_MAX}");
        findings.report(
            key,
            message,
            "name one person or one rota; put the rest in the runbook",
        );
        return None;
    }
    Some(text.to_owned())
}

/// Why a runbook cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    Unreadable(String, std::io::Error),
    NoFile(String),
    TooBig(String),
    NotText(String),
}

impl Unusable {
    /// What is wrong, and what would be right.
    pub(super) fn words(&self) -> (String, String) {
        match self {
            Self::Unreadable(path, error) => (
                format!("the runbook {path} cannot be read: {error}"),
                "check the path; it is taken from where this migration file is".into(),
            ),
            Self::NoFile(path) => (
                format!("the runbook {path} is not a file"),
                "name one Markdown file".into(),
            ),
            Self::TooBig(path) => (
                format!("the runbook {path} has more than {} KiB", BYTES_MAX / 1024),
                "keep what is needed at night, and link to the rest".into(),
            ),
            Self::NotText(path) => (
                format!("the runbook {path} is not UTF-8 text"),
                "save the file as UTF-8 text".into(),
            ),
        }
    }
}

/// Reads a runbook.
pub(super) fn read(path: &Path) -> Result<String, Unusable> {
    let named = path.display().to_string();
    let unreadable = |error| Unusable::Unreadable(named.clone(), error);
    // Asked first: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Unusable::NoFile(named));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Unusable::TooBig(named));
    }
    String::from_utf8(bytes).map_err(|_| Unusable::NotText(named))
}
