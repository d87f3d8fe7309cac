//! `history`: what was done on each shard, by its own account, and in what the
//! shards differ.

use super::args::HistoryCli;
use super::exit::{Ended, Exit, pretty};
use super::prepare::load_fleet;
use crate::base::{ShardName, Untrusted};
use crate::fleet::Fleet;
use crate::shard::{Drift, OpenRollout, Past, PastRollout, drifts, read_past};
use crate::wire::words;
use futures_util::stream::{self, StreamExt as _};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Shards that are read at the same time.
const AT_ONCE: usize = 8;
/// Longest definition that is shown in words.
const SHOWN: usize = 100;

#[derive(Serialize)]
struct View {
    /// In the order in which they ended, by the shard that has most of them.
    migrations: Vec<Done>,
    /// What is not at its end, by shard.
    open: BTreeMap<ShardName, OpenRollout>,
    drift: Vec<Drift>,
    /// Shards that could not be read, with the reason.
    unread: BTreeMap<ShardName, String>,
    /// Shards of a kind that keeps no history.
    without: Vec<ShardName>,
}

/// One migration, and where it was done.
#[derive(Serialize)]
struct Done {
    migration: String,
    /// Nothing was done: the history begins with it.
    is_baseline: bool,
    plan: String,
    /// Shard and when it ended there, UTC.
    on: BTreeMap<ShardName, String>,
    /// Shards that have none of it.
    missing: Vec<ShardName>,
}

/// Reads every shard; writes nothing.
///
/// # Errors
/// Mistakes in the fleet file.
pub async fn run(args: &HistoryCli) -> Result<(String, Exit), Ended> {
    let fleet = load_fleet(&args.fleet)?.fleet;
    let view = View::of(look(&fleet).await);
    let exit = match (view.unread.is_empty(), view.is_same()) {
        (false, _) => Exit::Refused,
        (true, false) => Exit::Failed,
        (true, true) => Exit::Done,
    };
    let text = match args.json {
        true => pretty(&view)?,
        false => view.told(),
    };
    Ok((text, exit))
}

/// What every shard knows of its past.
pub(super) struct Pasts {
    /// Of the shards that keep one.
    pub(super) read: BTreeMap<ShardName, Past>,
    /// Shards that could not be read, with the reason.
    pub(super) unread: BTreeMap<ShardName, String>,
    /// Shards of a kind that keeps none.
    pub(super) without: Vec<ShardName>,
}

impl Pasts {
    /// In what the shards differ.
    pub(super) fn drift(&self) -> Vec<Drift> {
        let objects = self.read.iter();
        let objects = objects.map(|(name, past)| (name.clone(), &past.objects));
        drifts(&objects.collect())
    }
}

/// Reads every shard; writes nothing.
pub(super) async fn look(fleet: &Fleet) -> Pasts {
    let reads = fleet
        .shards
        .iter()
        .map(|spec| async { (spec.name.clone(), read_past(spec).await) });
    let found: Vec<_> = stream::iter(reads).buffered(AT_ONCE).collect().await;
    let mut pasts = Pasts {
        read: BTreeMap::new(),
        unread: BTreeMap::new(),
        without: Vec::new(),
    };
    for (name, read) in found {
        match read {
            Ok(Some(past)) => {
                pasts.read.insert(name, past);
            }
            Ok(None) => pasts.without.push(name),
            Err(error) => {
                pasts.unread.insert(name, error.message);
            }
        }
    }
    pasts
}

impl View {
    fn of(pasts: Pasts) -> Self {
        let open = pasts.read.iter().filter_map(|(name, past)| {
            let open = past.open.clone()?;
            Some((name.clone(), open))
        });
        Self {
            migrations: migrations(&pasts.read),
            open: open.collect(),
            drift: pasts.drift(),
            unread: pasts.unread,
            without: pasts.without,
        }
    }
}

/// Every migration once: as the shard with most of them has them, then those
/// that it does not have.
fn migrations(pasts: &BTreeMap<ShardName, Past>) -> Vec<Done> {
    let mut longest: Vec<&Past> = pasts.values().collect();
    longest.sort_by_key(|past| std::cmp::Reverse(past.done.len()));
    let mut seen = BTreeSet::new();
    let all = longest.into_iter().flat_map(|past| &past.done);
    let each: Vec<&PastRollout> = all.filter(|done| seen.insert(&done.plan)).collect();
    each.into_iter()
        .map(|done| {
            let here = |past: &Past| past.done.iter().find(|d| d.plan == done.plan).cloned();
            let on = pasts.iter().filter_map(|(name, past)| {
                let found = here(past)?;
                Some((name.clone(), found.ended_at))
            });
            let missing = pasts.iter().filter(|(_, past)| here(past).is_none());
            Done {
                migration: done.migration.clone(),
                is_baseline: done.is_baseline(),
                plan: done.plan.clone(),
                on: on.collect(),
                missing: missing.map(|(name, _)| name.clone()).collect(),
            }
        })
        .collect()
}

impl View {
    fn is_same(&self) -> bool {
        self.drift.is_empty() && self.migrations.iter().all(|done| done.missing.is_empty())
    }

    fn told(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        if self.migrations.is_empty() {
            out.push_str("no migration has come to its end here\n");
        }
        for done in &self.migrations {
            let last = done.on.values().max().map_or("", String::as_str);
            let name = Untrusted::new(&done.migration);
            let what = if done.is_baseline { " (baseline)" } else { "" };
            let _ = write!(
                out,
                "{last}  {name}{what}  on {}",
                words::shards(done.on.len())
            );
            if !done.missing.is_empty() {
                let _ = write!(out, ", not on {}", every(&done.missing));
            }
            out.push('\n');
        }
        for (shard, open) in &self.open {
            let name = Untrusted::new(&open.migration);
            let stop = open.ended.as_deref().unwrap_or("nothing");
            let _ = writeln!(
                out,
                "{shard}: {name} is not at its end; {stop} was the last to end"
            );
        }
        for drift in &self.drift {
            let object = Untrusted::new(&drift.object);
            let _ = writeln!(
                out,
                "differs: {object}\n  most: {}",
                what(drift.most.as_ref())
            );
            for (shard, has) in &drift.others {
                let _ = writeln!(out, "  {shard}: {}", what(has.as_ref()));
            }
        }
        if !self.without.is_empty() {
            let _ = writeln!(out, "SQLite keeps no history: {}", every(&self.without));
        }
        for (shard, why) in &self.unread {
            let _ = writeln!(out, "{shard}: could not be read: {}", Untrusted::new(why));
        }
        let verdict = match (self.unread.is_empty(), self.is_same()) {
            (true, true) => "every shard that was read is the same",
            (false, true) => "those that were read are the same",
            (_, false) => "shards differ: bring them to one form before the next migration",
        };
        let _ = writeln!(out, "{verdict}");
        out
    }
}

/// All of them: each is somebody's work.
fn every(shards: &[ShardName]) -> String {
    let names: Vec<&str> = shards.iter().map(ShardName::as_str).collect();
    names.join(", ")
}

/// A definition in one line, or that there is none.
fn what(definition: Option<&String>) -> String {
    let Some(text) = definition else {
        return "not there".into();
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short = match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "there".into(),
        None => line,
    };
    Untrusted::new(short).to_string()
}
