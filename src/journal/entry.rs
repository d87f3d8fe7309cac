//! One entry: how it becomes its line, and how a line is read back.
//!
//! `hash = SHA-256("pilothouse/entry/1\n" ‖ prev ‖ bare)`: `prev` is the
//! 64 lower-case hex digits of the entry before (ASCII, not raw bytes; zeros
//! for the first), `bare` the line's own bytes without its
//! `,"hash":"…"` member and without the line feed. Stock tools can check one
//! line (`L` is the line, `P` its `prev`):
//!
//! ```text
//! bare=$(printf '%s' "$L" | sed 's/^\(.*\),"hash":"[0-9a-f]\{64\}"/\1/')
//! printf 'pilothouse/entry/1\n%s%s' "$P" "$bare" | sha256sum
//! ```
//!
//! The place of `hash` is certain: keys are sorted, so it stands directly
//! before `kind`, everything behind it is a string or a number, and inside a
//! JSON string a quotation mark is always escaped. The *last* `,"hash":"` of
//! a canonical line is therefore the entry's own.

use super::canonical::{self, CanonicalError, INTEGER_MAX, LINE_BYTES_MAX};
use super::chain::Head;
use crate::base::{Actor, Cause, Digest, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// The version of the line format, field `v`.
pub const ENTRY_VERSION: u8 = 1;

const HASH_MEMBER: &str = ",\"hash\":\"";
const KIND_MEMBER: &str = ",\"kind\":\"";
const HEX_DIGITS: usize = 64;

/// The longest event kind and log id, in bytes.
const WORD_BYTES_MAX: usize = 64;

/// Names one journal; chosen at random by whoever creates the store, so that
/// lines of two journals can never be mixed.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
pub struct LogId(String);

/// The text cannot name a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a log id has 1 to {WORD_BYTES_MAX} of a-z, 0-9 and '-'")]
pub struct LogIdError;

impl LogId {
    /// Checks the text.
    pub fn new(text: impl Into<String>) -> Result<Self, LogIdError> {
        let text = text.into();
        let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if (1..=WORD_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text))
        } else {
            Err(LogIdError)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<LogId> for String {
    fn from(log: LogId) -> Self {
        log.0
    }
}

impl TryFrom<String> for LogId {
    type Error = LogIdError;

    fn try_from(text: String) -> Result<Self, LogIdError> {
        Self::new(text)
    }
}

/// What is to be recorded; the chain adds the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// When it happened, by the clock of whoever drafts it.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What happened: a snake_case event kind.
    pub kind: String,
    /// What it happened to: fleet, ring or shard as the commands spell it.
    pub scope: String,
    /// Why it happened.
    pub cause: Cause,
    /// The event itself. An integer beyond 2^53 in it is kept as a string.
    pub body: Value,
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version of the format, [`ENTRY_VERSION`].
    pub v: u8,
    /// The journal it belongs to.
    pub log: LogId,
    /// Place in the journal, from 1 without gaps.
    pub seq: u64,
    /// See [`Draft::at`].
    pub at: Timestamp,
    /// See [`Draft::actor`].
    pub actor: Actor,
    /// See [`Draft::kind`].
    pub kind: String,
    /// See [`Draft::scope`].
    pub scope: String,
    /// See [`Draft::cause`].
    pub cause: Cause,
    /// See [`Draft::body`].
    pub body: Value,
    /// The hash of the entry before, [`Digest::ZERO`] for the first.
    pub prev: Digest,
    /// The hash of this entry.
    pub hash: Digest,
}

/// Why a draft cannot be recorded; nothing was appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The body has no canonical bytes.
    #[error("the entry cannot be recorded: {0}")]
    Canonical(#[from] CanonicalError),
    /// The kind is no snake_case word.
    #[error("the entry cannot be recorded: its kind is not a snake_case word")]
    Kind,
    /// The moment or the sequence number is beyond 2^53.
    #[error("the entry cannot be recorded: its time or number is beyond 2^53")]
    Beyond,
    /// The line would be longer than [`LINE_BYTES_MAX`].
    #[error("the entry cannot be recorded: {0} bytes, the longest line has {LINE_BYTES_MAX}")]
    TooLong(usize),
    /// Its parts could not be turned into JSON.
    #[error("the entry cannot be recorded: it is no JSON")]
    Json,
}

/// Why a line cannot be read as an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not UTF-8.
    #[error("not UTF-8 text")]
    Encoding,
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// No JSON, or JSON that the record never holds.
    #[error("not a JSON object of the record: {0}")]
    Json(String),
    /// Written by a newer pilothouse, or not by pilothouse at all.
    #[error("format version {0}, this pilothouse reads version {ENTRY_VERSION}")]
    Version(String),
    /// A field is missing, unknown or of the wrong type.
    #[error("not an entry: {0}")]
    Fields(String),
    /// The same value, spelled in another way than pilothouse spells it.
    #[error("not the canonical spelling, so these are not the bytes that were recorded")]
    NotCanonical,
    /// The last line has no line feed.
    #[error("the last line is not finished")]
    Unfinished,
}

impl Entry {
    /// Where a journal that ends with this entry ends.
    pub fn head(&self) -> Head {
        Head {
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// Makes the entry that follows `prev`, and its line without line feed.
    pub(super) fn seal(
        log: &LogId,
        seq: u64,
        prev: Digest,
        draft: Draft,
    ) -> Result<(Self, String), DraftError> {
        if !is_kind(&draft.kind) {
            return Err(DraftError::Kind);
        }
        if seq > INTEGER_MAX || draft.at.0 > INTEGER_MAX {
            return Err(DraftError::Beyond);
        }
        let mut entry = Self {
            v: ENTRY_VERSION,
            log: log.clone(),
            seq,
            at: draft.at,
            actor: draft.actor,
            kind: draft.kind,
            scope: draft.scope,
            cause: draft.cause,
            body: canonical::normalise(draft.body)?,
            prev,
            hash: Digest::ZERO,
        };
        let unhashed = entry.line()?;
        let (bare, _) = without_hash(&unhashed).ok_or(DraftError::Json)?;
        entry.hash = hash(prev, &bare);
        let line = with_hash(&bare, entry.hash).ok_or(DraftError::Json)?;
        if line.len() > LINE_BYTES_MAX {
            return Err(DraftError::TooLong(line.len()));
        }
        Ok((entry, line))
    }

    /// The canonical line of this entry, without line feed. The hash is
    /// written as it stands in the entry, not computed.
    pub fn line(&self) -> Result<String, DraftError> {
        let value = serde_json::to_value(self).map_err(|_| DraftError::Json)?;
        Ok(canonical::write(&value))
    }

    /// Reads one line (without line feed) and refuses every spelling but the
    /// canonical one. Does **not** check the hash; see [`Entry::hash_fits`].
    pub fn read(line: &[u8]) -> Result<Self, ReadError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(ReadError::TooLong);
        }
        let text = std::str::from_utf8(line).map_err(|_| ReadError::Encoding)?;
        let value = canonical::parse(text).map_err(|e| ReadError::Json(e.to_string()))?;
        let version = value.get("v").unwrap_or(&Value::Null);
        if version.as_u64() != Some(ENTRY_VERSION.into()) {
            return Err(ReadError::Version(version.to_string()));
        }
        if canonical::write(&value) != text {
            return Err(ReadError::NotCanonical);
        }
        let entry: Self =
            serde_json::from_value(value).map_err(|e| ReadError::Fields(e.to_string()))?;
        if !is_kind(&entry.kind) {
            return Err(ReadError::Fields("kind is not a snake_case word".into()));
        }
        Ok(entry)
    }

    /// Whether the hash in the entry is the hash of the bytes that it was read
    /// from.
    pub fn hash_fits(&self, line: &[u8]) -> bool {
        std::str::from_utf8(line)
            .ok()
            .and_then(without_hash)
            .is_some_and(|(bare, written)| {
                written == self.hash.to_string() && hash(self.prev, &bare) == self.hash
            })
    }
}

fn hash(prev: Digest, bare: &str) -> Digest {
    Digest::of("entry/1", &[prev.to_string().as_bytes(), bare.as_bytes()])
}

/// Cuts `,"hash":"…"` out of a canonical line: the rest, and the hex digits.
fn without_hash(line: &str) -> Option<(String, &str)> {
    let start = line.rfind(HASH_MEMBER)?;
    let digits = start + HASH_MEMBER.len();
    let end = digits + HEX_DIGITS;
    let written = line.get(digits..end)?;
    let rest = line.get(end..)?.strip_prefix('"')?;
    if !rest.starts_with(KIND_MEMBER) {
        return None;
    }
    Some((format!("{}{rest}", &line[..start]), written))
}

/// The inverse of [`without_hash`].
fn with_hash(bare: &str, hash: Digest) -> Option<String> {
    let place = bare.rfind(KIND_MEMBER)?;
    let (front, back) = bare.split_at(place);
    Some(format!("{front}{HASH_MEMBER}{hash}\"{back}"))
}

fn is_kind(text: &str) -> bool {
    let starts_well = text.bytes().next().is_some_and(|c| c.is_ascii_lowercase());
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    starts_well && text.len() <= WORD_BYTES_MAX && text.bytes().all(plain)
}
