//! Who there is, and who may do what.
//!
//! The registry is part of the journal: who enrolled whom stands there like
//! every other act, and an old act is judged by the registry as it was then.

use super::command::Scope;
use super::keys::EnrolledKey;
use super::state::{Mark, Rollout};
use crate::base::{Digest, RingName, Stage, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What somebody is trusted with. Every role may look.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Acts on the rollout.
    Operator,
    /// Approves what others ask for.
    Approver,
    /// Decides who the others are.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Admin];

    /// The word in files and on screens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    fn gives(self, right: Right) -> bool {
        match right {
            Right::Look => true,
            // Whoever is trusted with anything may stop work.
            Right::Calm => self != Self::Viewer,
            Right::Act => self == Self::Operator,
            Right::Approve => self == Self::Approver,
            Right::Administer => self == Self::Admin,
        }
    }

    /// What is gone where the role is denied: its own right, not what other
    /// roles give as well.
    fn takes(self, right: Right) -> bool {
        match self {
            Self::Viewer => true,
            Self::Operator => matches!(right, Right::Act | Right::Calm),
            Self::Approver => right == Right::Approve,
            Self::Admin => right == Right::Administer,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What an act needs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// To see how things stand.
    Look,
    /// To stop work or slow it down.
    Calm,
    /// To act on the rollout.
    Act,
    /// To approve or reject.
    Approve,
    /// To enrol and revoke people.
    Administer,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Look,
        Self::Calm,
        Self::Act,
        Self::Approve,
        Self::Administer,
    ];

    /// What it lets one do.
    pub fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Calm => "stop work",
            Self::Act => "act",
            Self::Approve => "approve",
            Self::Administer => "administer people",
        }
    }
}

/// A role, everywhere or within one ring or one stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Which.
    pub role: Role,
    /// Only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<RingName>,
    /// Only that stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
}

impl Grant {
    /// A role everywhere.
    pub fn everywhere(role: Role) -> Self {
        Self {
            role,
            ring: None,
            stage: None,
        }
    }

    /// Whether it covers all of a place.
    fn covers(&self, at: &Place<'_>) -> bool {
        let ring = self.ring.is_none() || self.ring.as_ref() == at.ring;
        let stage = self.stage.is_none() || self.stage == at.stage;
        ring && stage
    }

    /// Whether it covers some of a place.
    fn touches(&self, at: &Place<'_>) -> bool {
        let ring = self.ring.is_none() || at.ring.is_none() || self.ring.as_ref() == at.ring;
        let stage = self.stage.is_none() || at.stage.is_none() || self.stage == at.stage;
        ring && stage
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.role)?;
        if let Some(ring) = &self.ring {
            write!(f, " in ring {ring}")?;
        }
        if let Some(stage) = self.stage {
            write!(f, " for {stage}")?;
        }
        Ok(())
    }
}

/// What an act is about; nothing named means all of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// One ring.
    pub ring: Option<&'a RingName>,
    /// One stage.
    pub stage: Option<Stage>,
}

impl<'a> Place<'a> {
    /// The ring that a scope lies in, or all of them.
    pub fn of(scope: &'a Scope, rollout: Option<&'a Rollout>) -> Self {
        let ring = match scope {
            Scope::Fleet => None,
            Scope::Ring(ring) => Some(ring),
            Scope::Shard(name) => rollout.and_then(|r| r.shards.get(name)).map(|s| &s.ring),
        };
        Self { ring, stage: None }
    }
}

/// Somebody who is enrolled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What they may.
    pub allowed: Vec<Grant>,
    /// What they may not, whatever else is granted.
    pub denied: Vec<Grant>,
    /// Their tokens, by id.
    pub tokens: BTreeMap<String, Token>,
    /// Keys that sign for them, by fingerprint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, EnrolledKey>,
    /// Set when they are not trusted any more.
    pub revoked: Option<Mark>,
}

/// A token, as the journal knows it: never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Digest of the secret.
    pub secret: Digest,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Set when it was taken back.
    pub revoked: Option<Mark>,
}

/// Everybody who was ever enrolled, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct People(pub BTreeMap<String, Person>);

/// Why somebody may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody knows them.
    #[error("{0} is not enrolled here; an admin can: pilothouse operator add {0} --role ROLE")]
    Unknown(String),
    /// They were, once.
    #[error("{0} was revoked")]
    Revoked(String),
    /// None of their roles does.
    #[error("{who} may not {what} here: {has}")]
    Lacks {
        /// Who.
        who: String,
        /// What it takes.
        what: &'static str,
        /// What they have.
        has: String,
    },
}

impl People {
    /// Whether anybody is enrolled. As long as nobody is, whoever can open the
    /// store may do everything: there is nobody else.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `who` may do that there. Deny beats allow; what nothing allows
    /// is denied.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn may(&self, who: &str, right: Right, at: Place<'_>) -> Result<(), Denied> {
        if self.is_empty() {
            return Ok(());
        }
        let person = self.0.get(who).ok_or_else(|| Denied::Unknown(who.into()))?;
        if person.revoked.is_some() {
            return Err(Denied::Revoked(who.into()));
        }
        let mut denied = person.denied.iter();
        let denied = denied.find(|d| d.role.takes(right) && d.touches(&at));
        let mut allowed = person.allowed.iter();
        let allowed = allowed.any(|g| g.role.gives(right) && g.covers(&at));
        if allowed && denied.is_none() {
            return Ok(());
        }
        let has = match denied {
            Some(denial) => format!("denied {denial}"),
            None => listed(&person.allowed),
        };
        Err(Denied::Lacks {
            who: who.into(),
            what: right.word(),
            has,
        })
    }

    /// Whether `who` may see how things stand: whoever is trusted with anything
    /// sees all of it.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn may_look(&self, who: &str) -> Result<(), Denied> {
        match self.may_somewhere(who, Right::Look) {
            true => Ok(()),
            false => self.may(who, Right::Look, Place::default()),
        }
    }

    /// Whether `who` may do that in one place at least, as far as grants tell.
    pub fn may_somewhere(&self, who: &str, right: Right) -> bool {
        let person = self.0.get(who).filter(|p| p.revoked.is_none());
        let gives = |grant: &Grant| grant.role.gives(right);
        let takes = |denial: &Grant| {
            denial.role.takes(right) && denial.ring.is_none() && denial.stage.is_none()
        };
        let may = |p: &Person| p.allowed.iter().any(gives) && !p.denied.iter().any(takes);
        self.is_empty() || person.is_some_and(may)
    }

    /// Admins everywhere who could act now.
    pub fn admins(&self) -> impl Iterator<Item = &String> {
        let is_admin = |name: &&String| self.may(name, Right::Administer, Place::default()).is_ok();
        self.0.keys().filter(is_admin)
    }
}

pub(super) fn listed(grants: &[Grant]) -> String {
    match grants {
        [] => "no role".into(),
        grants => {
            let words: Vec<String> = grants.iter().map(ToString::to_string).collect();
            words.join(", ")
        }
    }
}
