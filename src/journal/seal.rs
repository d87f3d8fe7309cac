//! Sealed heads: what an engine's key signs of its journal.
//!
//! A seal inside the journal stops whoever rewrites it without the key. A seal
//! kept elsewhere (on a shard, by a cockpit, in a notice) also shows a missing
//! tail.

use super::chain::Head;
use super::entry::{Entry, LogId};
use crate::base::{Namespace, PublicKey, Signature, SignatureError, SigningKey};
use serde::{Deserialize, Serialize};

/// The kind of an entry that holds a seal.
pub const SEAL_KIND: &str = "head_sealed";

/// A signed head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Which head.
    pub head: Head,
    /// Whose key says so, and that it does.
    pub signature: Signature,
}

impl Seal {
    /// The bytes that are signed: what `ssh-keygen -Y verify -n seal@pilothouse`
    /// wants on its standard input.
    pub fn statement(log: &LogId, head: Head) -> String {
        format!("pilothouse seal 1\nlog {log}\nhead {head}\n")
    }

    /// Signs a head.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn make(log: &LogId, head: Head, key: &SigningKey) -> Result<Self, SignatureError> {
        let statement = Self::statement(log, head);
        let signature = key.sign(Namespace::Seal, statement.as_bytes())?;
        Ok(Self { head, signature })
    }

    /// Whose seal it is.
    pub fn key(&self) -> &PublicKey {
        self.signature.key()
    }

    /// Whether the key that it names signed this head of this journal.
    ///
    /// # Errors
    /// It did not.
    pub fn check(&self, log: &LogId) -> Result<(), SignatureError> {
        let statement = Self::statement(log, self.head);
        self.signature.verify(Namespace::Seal, statement.as_bytes())
    }

    /// Whether it seals just what stands before the entry that holds it.
    pub fn stands_in(&self, entry: &Entry) -> bool {
        self.head.hash == entry.prev && self.head.seq.checked_add(1) == Some(entry.seq)
    }
}
