//! What a shard knows of its past, and in what its objects differ from those
//! of others.

use crate::base::{Digest, MigrationName, ShardName};
use crate::migration::{TokenKind, tokens};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A rollout that came to its end on a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PastRollout {
    /// Name of the migration.
    pub migration: String,
    /// Id of the rollout.
    pub rollout: String,
    /// Digest of its plan.
    pub plan: String,
    /// When it ended there, UTC, to the second.
    pub ended_at: String,
}

impl PastRollout {
    /// Whether nothing was done: the history begins with it.
    pub fn is_baseline(&self) -> bool {
        self.rollout.starts_with(BASELINE)
    }
}

/// No name of a rollout has a slash.
const BASELINE: &str = "baseline/";

/// Where the history of a fleet begins that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// What it is called.
    pub name: MigrationName,
    /// What the schema was.
    pub schema: Digest,
}

impl Baseline {
    /// What stands in a history in place of a rollout's id.
    pub fn rollout_of(name: &MigrationName) -> String {
        format!("{BASELINE}{name}")
    }
}

/// Short name of exactly these objects.
pub fn fingerprint(objects: &Objects) -> Digest {
    let parts: Vec<&[u8]> = objects
        .iter()
        .flat_map(|(name, object)| [name.as_bytes(), b"\0", object.is.as_bytes(), b"\0"])
        .collect();
    Digest::of("schema/1", &parts)
}

/// A rollout that is under way or was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenRollout {
    /// Name of the migration.
    pub migration: String,
    /// The last stop that ended, if one did.
    pub ended: Option<String>,
}

/// What stays of pilothouse on a shard when it is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// Nothing.
    Nothing,
    /// The list of migrations that came to their end there.
    History,
}

/// What a shard knows of its past, and everything that is in it now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// In the order in which they ended.
    pub done: Vec<PastRollout>,
    /// What is not at its end.
    pub open: Option<OpenRollout>,
    /// By their names.
    pub objects: Objects,
}

/// Objects by their names: `column shop.customer.email`.
pub type Objects = BTreeMap<String, Object>;

/// One object of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is, without layout and comments.
    pub is: String,
    /// The object without which there is none of it.
    pub of: Option<String>,
}

impl Object {
    /// From a definition as the server gives it.
    pub fn new(definition: &str, of: Option<String>) -> Self {
        Self {
            is: normal(definition),
            of,
        }
    }
}

/// A definition without layout and comments; in the body of a function too.
fn normal(definition: &str) -> String {
    let Ok(tokens) = tokens(definition) else {
        return definition.split_whitespace().collect::<Vec<_>>().join(" ");
    };
    let solid = tokens
        .into_iter()
        .filter(|token| !matches!(token.kind, TokenKind::Space | TokenKind::Comment));
    let texts: Vec<String> = solid
        .map(|token| match body(token.text) {
            Some((tag, body)) => format!("{tag} {} {tag}", normal(body)),
            None => token.text.to_owned(),
        })
        .collect();
    texts.join(" ")
}

/// What stands between `$tag$` and `$tag$`.
fn body(text: &str) -> Option<(&str, &str)> {
    let end = text.strip_prefix('$')?.find('$')? + 2;
    let tag = text.get(..end)?;
    let body = text.get(end..)?.strip_suffix(tag)?;
    Some((tag, body))
}

/// One object that is not the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// `column shop.customer.email`.
    pub object: String,
    /// What most shards have; `None` where most have none.
    pub most: Option<String>,
    /// What each of the others has.
    pub others: BTreeMap<ShardName, Option<String>>,
}

/// Object by object, what is not the same everywhere. What belongs to an
/// object is compared where that is there. Where no definition has more shards
/// than another, that of the first shard by name counts as the many's.
pub fn drifts(shards: &BTreeMap<ShardName, &Objects>) -> Vec<Drift> {
    let names: BTreeSet<&String> = shards.values().flat_map(|objects| objects.keys()).collect();
    names
        .into_iter()
        .filter_map(|object| drift(object, shards))
        .collect()
}

fn drift(object: &String, shards: &BTreeMap<ShardName, &Objects>) -> Option<Drift> {
    let of = shards
        .values()
        .find_map(|objects| objects.get(object)?.of.as_ref());
    let asked = |objects: &Objects| of.is_none_or(|of| objects.contains_key(of));
    let has: BTreeMap<&ShardName, Option<String>> = shards
        .iter()
        .filter(|(_, objects)| asked(objects))
        .map(|(name, objects)| (name, objects.get(object).map(|o| o.is.clone())))
        .collect();
    let mut votes: Vec<(&Option<String>, usize)> = Vec::new();
    for found in has.values() {
        match votes.iter_mut().find(|(what, _)| *what == found) {
            Some((_, count)) => *count += 1,
            None => votes.push((found, 1)),
        }
    }
    if votes.len() < 2 {
        return None;
    }
    let highest = votes.iter().map(|(_, count)| *count).max()?;
    let most = votes
        .into_iter()
        .find(|(_, count)| *count == highest)?
        .0
        .clone();
    let others = has.iter().filter(|(_, found)| **found != most);
    Some(Drift {
        object: object.clone(),
        others: others
            .map(|(name, found)| ((*name).clone(), found.clone()))
            .collect(),
        most,
    })
}
