//! `baseline`: where the history of a fleet begins that was there before
//! pilothouse.

use super::args::BaselineCli;
use super::exit::{Ended, Exit};
use super::history::{Pasts, look};
use super::prepare::{book, lease, load_fleet};
use super::run::{make_store, recorded};
use crate::api::account::person;
use crate::base::{Digest, ShardName};
use crate::fleet::Fleet;
use crate::rollout::{Command, Observations};
use crate::shard::{Baseline, Past, fingerprint, write_baseline};
use crate::wire::words;
use crate::worker::Variant;
use std::fmt::Write as _;

/// Notes on every shard that its schema as it is now is the beginning. It is
/// in the journal first; a shard that has it already is left as it is.
///
/// # Errors
/// A shard cannot be read or has a history, shards differ, or a rollout is
/// open on one of them.
pub async fn run(args: BaselineCli) -> Result<(String, Exit), Ended> {
    let fleet = load_fleet(&args.fleet)?.fleet;
    let pasts = look(&fleet).await;
    let schema = beginning(&pasts, &args)?;
    let baseline = Baseline {
        name: args.name,
        schema,
    };
    make_store(&fleet.store)?;
    let lease = lease(&fleet.store, "baseline")?;
    let mut book = book(&fleet.store, Variant::Correct).await?;
    let shards: Vec<ShardName> = pasts.read.keys().cloned().collect();
    let command = Command::Baseline {
        name: baseline.name.clone(),
        schema,
        shards,
        actor: person(),
        reason: args.reason,
    };
    recorded(book.take(&Observations::default(), &command).await)?;
    let written = write(&fleet, &pasts, &baseline).await;
    book.seal().await;
    let closed = book.close().await;
    closed.map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    drop(lease);
    written.map(|text| (text, Exit::Done))
}

/// The one schema that every shard has.
fn beginning(pasts: &Pasts, args: &BaselineCli) -> Result<Digest, Ended> {
    let refused = |text: String| Err(Ended::new(Exit::Refused, text));
    if let Some((name, why)) = pasts.unread.iter().next() {
        return refused(format!("{name} could not be read: {why}"));
    }
    let rollout = Baseline::rollout_of(&args.name);
    for (name, past) in &pasts.read {
        if let Some(open) = &past.open {
            return refused(format!(
                "{name}: {} is not at its end; finish it or take it back, and forget it",
                open.migration
            ));
        }
        if let Some(newest) = past.done.iter().rfind(|done| done.rollout != rollout) {
            return refused(format!(
                "{name} has a history already; its newest is {}",
                newest.migration
            ));
        }
    }
    let drift = pasts.drift();
    if let Some(first) = drift.first() {
        return refused(format!(
            "the shards differ in {} objects, the first is {}; `pilothouse history` tells all of them",
            drift.len(),
            first.object
        ));
    }
    let of = |past: &Past| fingerprint(&past.objects);
    match pasts.read.values().next().map(of) {
        Some(schema) => Ok(schema),
        None => refused("no shard of this fleet keeps a history".into()),
    }
}

async fn write(fleet: &Fleet, pasts: &Pasts, baseline: &Baseline) -> Result<String, Ended> {
    let shards = fleet.shards.iter();
    for spec in shards.filter(|spec| pasts.read.contains_key(&spec.name)) {
        let written = write_baseline(spec, baseline).await;
        written.map_err(|error| {
            let text = format!(
                "{}: {}; shards before it have their baseline; mend this and say it again",
                spec.name, error.message
            );
            Ended::new(Exit::Failed, text)
        })?;
    }
    let count = words::shards(pasts.read.len());
    let mut text = format!(
        "{}: the history of {count} begins here, schema {}\n",
        baseline.name,
        baseline.schema.short()
    );
    for name in &pasts.without {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}: SQLite keeps no history");
    }
    Ok(text)
}
