//! `pilothouse plan`: everything that will run, before it runs. Writes
//! nothing anywhere.

use super::exit::{Ended, pretty};
use super::lint;
use super::prepare::{Job, load_fleet};
use crate::shard::{Direction, Frame, Listed};
use crate::wire::words;
use crate::worker::Variant;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// How the plan is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// One line per step.
    #[default]
    Table,
    /// Every statement per stage and shard.
    Sql,
    /// One object.
    Json,
    /// A script that undoes everything by hand.
    Undo,
}

/// What is planned.
pub struct PlanArgs {
    /// Fleet file.
    pub fleet: PathBuf,
    /// Migration file.
    pub migration: PathBuf,
    /// How it is shown.
    pub shape: Shape,
}

#[derive(Serialize)]
struct PlanView<'a> {
    rollout: String,
    migration: String,
    plan_digest: String,
    shard_set_digest: String,
    production: bool,
    rings: Vec<RingPlan<'a>>,
    shards: BTreeMap<&'a str, &'a [Listed]>,
    lint: Vec<lint::Found>,
}

#[derive(Serialize)]
struct RingPlan<'a> {
    ring: &'a str,
    shards: Vec<&'a str>,
}

/// Prints the plan.
///
/// # Errors
/// Mistakes in the files, or shards that do not answer.
pub async fn plan(args: &PlanArgs) -> Result<String, Ended> {
    let fleet = load_fleet(&args.fleet)?;
    let job = Job::read(fleet, &args.migration, Variant::Correct)?;
    let opened = job.open_shards().await;
    if !opened.missing.is_empty() {
        return Err(job.not_opened(&opened.missing));
    }
    if let Some(ended) = job.same_database(&opened) {
        return Err(ended);
    }
    let listings: BTreeMap<&str, &[Listed]> = opened
        .shards
        .iter()
        .map(|(name, shard)| (name.as_str(), shard.plan().listing.as_slice()))
        .collect();
    match args.shape {
        Shape::Table => Ok(table(&job, &listings)),
        Shape::Sql => Ok(sql(&listings, Direction::Run)),
        Shape::Undo => Ok(undo(&listings)),
        Shape::Json => json(&job, listings),
    }
}

fn heading(job: &Job) -> String {
    let opening = job.opening();
    let mut out = String::new();
    let _ = writeln!(out, "rollout     {}", opening.id);
    let _ = writeln!(
        out,
        "migration   {}: {}",
        opening.migration, job.migration.migration.description
    );
    let _ = writeln!(out, "plan        {}", opening.plan_digest);
    let _ = writeln!(out, "shard set   {}", opening.shard_set_digest);
    for (ring, members) in &opening.rings {
        let names: Vec<&str> = members.iter().map(|m| m.shard.as_str()).collect();
        let _ = writeln!(out, "ring        {ring}: {}", names.join(", "));
    }
    out
}

fn table(job: &Job, listings: &BTreeMap<&str, &[Listed]>) -> String {
    let mut out = heading(job);
    let titles = listings.values().flat_map(|listing| listing.iter());
    let widest = titles.map(|step| step.title.chars().count()).max();
    let width = widest.unwrap_or_default().clamp(40, 64);
    let _ = writeln!(out, "\n{:<12} {:<5} {:<width$} lock", "stop", "way", "step");
    // Shards of one kind have the same steps; each different list is shown.
    let mut shown: Vec<(&[Listed], Vec<&str>)> = Vec::new();
    for (name, listing) in listings {
        let steps = |l: &[Listed]| {
            l.iter()
                .map(|s| (s.stop, s.direction, s.title.clone()))
                .collect::<Vec<_>>()
        };
        match shown.iter_mut().find(|(l, _)| steps(l) == steps(listing)) {
            Some((_, names)) => names.push(name),
            None => shown.push((listing, vec![name])),
        }
    }
    for (listing, names) in shown {
        let _ = writeln!(out, "on {}", names.join(", "));
        for step in listing {
            let way = match step.direction {
                Direction::Run => "there",
                Direction::Undo => "back",
            };
            let estimate = step.estimate.as_ref().map(words::estimate);
            let _ = writeln!(
                out,
                "{:<12} {way:<5} {:<width$} {}{}",
                step.stop.to_string(),
                step.title,
                step.lock,
                estimate.map_or_else(String::new, |text| format!("; {text}")),
            );
        }
    }
    let told = lint::told(&job.migration);
    if !told.is_empty() {
        let _ = write!(out, "\n{}\n", told.trim_end());
    }
    out
}

fn statements(out: &mut String, step: &Listed) {
    let _ = writeln!(out, "-- {} {}", step.stop, step.title);
    for statement in &step.sql {
        let _ = writeln!(out, "{statement};");
    }
}

fn sql(listings: &BTreeMap<&str, &[Listed]>, direction: Direction) -> String {
    let mut out = String::new();
    for (name, listing) in listings {
        let _ = writeln!(out, "-- shard {name}");
        for step in listing
            .iter()
            .filter(|s| s.direction == direction && !s.sql.is_empty())
        {
            statements(&mut out, step);
        }
    }
    out
}

/// Undo in the order in which it has to be run by hand.
fn undo(listings: &BTreeMap<&str, &[Listed]>) -> String {
    let mut out = String::from(
        "-- Undo by hand, for the night when pilothouse itself is broken.\n\
         -- 1. Bring every flag back to the old form and wait until clients have seen it.\n\
         -- 2. On each shard, from the stop it stands at downwards, run what follows.\n\
         -- 3. Stop at the first error (psql -v ON_ERROR_STOP=1): the last step of a shard\n\
         --    removes the exported values, which the steps before it bring back.\n\
         -- 4. Row jobs run over the whole table in one statement here.\n",
    );
    for (name, listing) in listings {
        let _ = writeln!(out, "-- shard {name}");
        let mut stops: Vec<_> = listing.iter().map(|s| s.stop).collect();
        stops.sort_unstable();
        stops.dedup();
        for stop in stops.into_iter().rev() {
            let back =
                |s: &&Listed| s.stop == stop && s.direction == Direction::Undo && !s.sql.is_empty();
            for step in listing.iter().filter(back) {
                if step.frame == Frame::Alone {
                    statements(&mut out, step);
                    continue;
                }
                let _ = writeln!(out, "BEGIN;");
                statements(&mut out, step);
                let _ = writeln!(out, "COMMIT;");
            }
        }
    }
    out
}

fn json(job: &Job, shards: BTreeMap<&str, &[Listed]>) -> Result<String, Ended> {
    let opening = job.opening();
    let rings = opening
        .rings
        .iter()
        .map(|(ring, members)| RingPlan {
            ring: ring.as_str(),
            shards: members.iter().map(|m| m.shard.as_str()).collect(),
        })
        .collect();
    let view = PlanView {
        rollout: opening.id.clone(),
        migration: opening.migration.to_string(),
        plan_digest: opening.plan_digest.to_string(),
        shard_set_digest: opening.shard_set_digest.to_string(),
        production: opening.production,
        rings,
        shards,
        lint: lint::found(&job.migration),
    };
    pretty(&view)
}
