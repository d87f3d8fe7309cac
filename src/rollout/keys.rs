//! Whose keys sign what: the key registry is part of the journal.
//!
//! A key is enrolled and revoked by an admin who signs that; the first admin
//! signs with the key that is enrolled. An approval is judged by the registry
//! as it stood at its place in the journal.

use super::approval::Approval;
use super::people::{People, Person, Place, Right};
use super::refusal::Refusal;
use super::state::Mark;
use crate::base::{Actor, Namespace, PublicKey, Signature};
use crate::journal::Head;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A key is to be trusted, or not any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyChange {
    /// Whose key.
    pub name: String,
    /// Which.
    pub key: PublicKey,
    /// What becomes of it.
    pub act: KeyAct,
    /// An admin's signature of [`KeyChange::statement`].
    pub signature: Signature,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyAct {
    /// It signs for its owner from now on.
    Enrol,
    /// It signs for nobody any more, and never will again.
    Revoke,
}

impl KeyAct {
    fn word(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Revoke => "revoke",
        }
    }
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, key, by) = (&self.name, &self.key, self.signature.key());
        let done = match self.act {
            KeyAct::Enrol => "enrolled",
            KeyAct::Revoke => "revoked",
        };
        write!(f, "key {} of {name} {done}, ", key.fingerprint())?;
        match by == key {
            true => write!(f, "signed with itself"),
            false => write!(f, "signed with {}", by.fingerprint()),
        }
    }
}

impl KeyChange {
    /// The bytes that an admin signs, for `ssh-keygen -n registry@pilothouse`.
    pub fn statement(name: &str, key: &PublicKey, act: KeyAct) -> String {
        let act = act.word();
        format!("pilothouse key 1\nact {act}\nperson {name}\nkey {key}\n")
    }

    /// Whether the key that it names signed just this.
    fn is_signed(&self) -> Result<(), String> {
        let statement = Self::statement(&self.name, &self.key, self.act);
        let signed = self
            .signature
            .verify(Namespace::Registry, statement.as_bytes());
        signed.map_err(|e| e.to_string())
    }

    /// Whether `by` may change the registry like this.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn judge(&self, people: &People, by: &Actor) -> Result<(), Refusal> {
        let forbidden = |why: String| Err(Refusal::Forbidden(why));
        let print = self.key.fingerprint();
        let owner = people.0.iter().find(|(_, p)| p.keys.contains_key(&print));
        match (self.act, owner) {
            (KeyAct::Enrol, Some((owner, person))) => {
                let state = match person.has_key(&self.key) {
                    true => "is",
                    false => "was, and is never trusted again",
                };
                return forbidden(format!("{print} {state} a key of {owner}"));
            }
            (KeyAct::Revoke, Some((owner, person)))
                if *owner == self.name && person.has_key(&self.key) => {}
            (KeyAct::Revoke, _) => {
                let text = format!("{} has no key {print}", self.name);
                return Err(Refusal::Nothing(text));
            }
            (KeyAct::Enrol, None) => {}
        }
        self.judge_signer(people, by)?;
        self.is_signed()
            .or_else(|why| forbidden(format!("the change of key {print}: {why}")))
    }

    /// Keys are signed for by the admin who gives the order; the first one
    /// signs with the key that comes with it.
    fn judge_signer(&self, people: &People, by: &Actor) -> Result<(), Refusal> {
        let forbidden = |why: String| Err(Refusal::Forbidden(why));
        let signer = self.signature.key();
        if people.0.get(&by.name).is_some_and(|p| p.has_key(signer)) {
            return Ok(());
        }
        if people.has_signing_admin() {
            let print = signer.fingerprint();
            return forbidden(format!("{print}, which signed it, is no key of {by}"));
        }
        let first = self.act == KeyAct::Enrol && self.name == by.name && *signer == self.key;
        match first {
            true => Ok(()),
            false => forbidden(
                "no admin has a key yet: the first one enrolled is your own, signed with itself"
                    .into(),
            ),
        }
    }
}

/// A key in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledKey {
    /// Which.
    pub key: PublicKey,
    /// Who enrolled it, and when.
    pub enrolled: Mark,
    /// Set when it is not trusted any more.
    pub revoked: Option<Mark>,
}

impl Person {
    /// Whether this is a key of theirs now.
    pub fn has_key(&self, key: &PublicKey) -> bool {
        let found = self.keys.get(&key.fingerprint());
        self.revoked.is_none() && found.is_some_and(|k| k.revoked.is_none() && k.key == *key)
    }

    /// Folds a change of a key.
    pub(super) fn apply_key(&mut self, change: &KeyChange, mark: Mark) {
        let print = change.key.fingerprint();
        match change.act {
            KeyAct::Enrol => {
                let fresh = EnrolledKey {
                    key: change.key.clone(),
                    enrolled: mark,
                    revoked: None,
                };
                self.keys.insert(print, fresh);
            }
            KeyAct::Revoke => {
                if let Some(key) = self.keys.get_mut(&print) {
                    key.revoked = Some(mark);
                }
            }
        }
    }
}

impl People {
    /// Whether an admin could sign for keys now.
    fn has_signing_admin(&self) -> bool {
        let signs = |person: &Person| person.keys.values().any(|k| person.has_key(&k.key));
        let admin = |name: &String| self.may(name, Right::Administer, Place::default()).is_ok();
        self.0.iter().any(|(name, p)| signs(p) && admin(name))
    }
}

/// What an approver signed, besides the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// Where the journal ended that they saw.
    pub head: Head,
    /// Their signature of [`Approval::statement`].
    pub signature: Signature,
}

impl Signed {
    /// Whether `who` signed this request with a key of theirs.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn check(&self, people: &People, who: &str, approval: &Approval) -> Result<(), String> {
        let key = self.signature.key();
        if !people.0.get(who).is_some_and(|p| p.has_key(key)) {
            let print = key.fingerprint();
            return Err(format!("{print}, which signed it, is no key of {who}"));
        }
        let statement = approval.statement(who, self.head);
        let signed = self
            .signature
            .verify(Namespace::Approval, statement.as_bytes());
        signed.map_err(|e| e.to_string())
    }
}

impl Approval {
    /// The bytes that an approver signs, for `ssh-keygen -n
    /// approval@pilothouse`: everything that is approved, the request's own
    /// id (which is used once), when it ends, and the end of the journal that
    /// they saw.
    pub fn statement(&self, who: &str, head: Head) -> String {
        let Self {
            id,
            ring,
            stop,
            plan,
            shard_set,
            policy,
            ..
        } = self;
        let opens = self.window.map(|w| format!("opens {}\n", w.from));
        let opens = opens.unwrap_or_default();
        format!(
            "pilothouse approval 1\nact promote\nring {ring}\nstop {stop}\nplan {plan}\nshards {shard_set}\npolicy {policy}\nrequest {id}\ndigest {}\n{opens}expires {}\nhead {head}\napprover {who}\n",
            self.binding(),
            self.expires_at,
        )
    }
}
