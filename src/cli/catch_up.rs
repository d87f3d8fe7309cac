//! `catch-up`: brings one shard, added later or restored, to what the others
//! have, by the same steps in the same order.

use super::args::CatchUpCli;
use super::exit::{Ended, Exit};
use super::forget::forget_on;
use super::history::{Pasts, look};
use super::prepare::{Job, book, kept_done, kept_migration, lease, load_fleet, read_journal};
use super::run::{self, Face, Promote, RunArgs};
use super::terminal::say;
use crate::api::account::person;
use crate::base::{Digest, MigrationName, ShardName};
use crate::fleet::LoadedFleet;
use crate::rollout::{Command, Observations, Rollout};
use crate::shard::{Baseline, PastRollout, fingerprint, write_baseline};
use crate::worker::Variant;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Does what is missing there, one migration after the other.
///
/// # Errors
/// The shard has what others lack, a migration's file is not to be had, or a
/// rollout that concerns others is not forgotten.
pub async fn run(args: CatchUpCli) -> Result<(String, Exit), Ended> {
    let fleet = load_fleet(&args.fleet)?;
    let pasts = look(&fleet.fleet).await;
    let steps = steps(&fleet, &pasts, &args)?;
    if steps.is_empty() {
        if !args.dry_run {
            // The last one may have ended without that.
            end_of_last(&alone(&fleet, &args.shard)?, &args).await.ok();
        }
        let text = format!("{} has every migration that the others have\n", args.shard);
        return Ok((text, Exit::Done));
    }
    if args.dry_run {
        return Ok((listed(&args.shard, &steps), Exit::Done));
    }
    confirmed(&fleet, &args)?;
    let alone = alone(&fleet, &args.shard)?;
    let mut text = String::new();
    for step in &steps {
        end_of_last(&alone, &args).await?;
        if let Some((told, exit)) = one(&alone, &pasts, &args, step).await? {
            return Ok((text + &told, exit));
        }
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {} is done", args.shard, step.past.migration);
    }
    end_of_last(&alone, &args).await?;
    let _ = writeln!(text, "{} has caught up", args.shard);
    Ok((text, Exit::Done))
}

/// One migration that is missing.
struct Step {
    past: PastRollout,
    /// Its file; a baseline has none.
    file: Option<PathBuf>,
}

fn refused<T>(text: impl Into<String>) -> Result<T, Ended> {
    Err(Ended::new(Exit::Refused, text))
}

/// What the shard lacks, in the order in which the others did it. Its own
/// history must be the beginning of theirs.
fn steps(fleet: &LoadedFleet, pasts: &Pasts, args: &CatchUpCli) -> Result<Vec<Step>, Ended> {
    let name = &args.shard;
    // What one of the others has done might be missing here.
    if let Some((unread, why)) = pasts.unread.iter().next() {
        return refused(format!("{unread} could not be read: {why}"));
    }
    let Some(mine) = pasts.read.get(name) else {
        return refused(format!("{name} is not a PostgreSQL shard of this fleet"));
    };
    let others = pasts.read.iter().filter(|(other, _)| *other != name);
    let Some(theirs) = others
        .map(|(_, past)| &past.done)
        .max_by_key(|done| done.len())
    else {
        return refused("there is no other shard to catch up with");
    };
    for (place, done) in mine.done.iter().enumerate() {
        if theirs
            .get(place)
            .is_none_or(|other| other.plan != done.plan)
        {
            return refused(format!(
                "{name} has {} in place {} of its history, which the others have not; it cannot be brought to what they have",
                done.migration,
                place + 1
            ));
        }
    }
    let missing = theirs.iter().skip(mine.done.len());
    missing
        .map(|past| {
            let file = match past.is_baseline() {
                true => None,
                false => Some(file_of(fleet, past, args.migrations.as_deref())?),
            };
            Ok(Step {
                past: past.clone(),
                file,
            })
        })
        .collect()
}

/// The file of a migration that was done: as the store kept it, or in a folder.
fn file_of(
    fleet: &LoadedFleet,
    past: &PastRollout,
    folder: Option<&Path>,
) -> Result<PathBuf, Ended> {
    let store = &fleet.fleet.store;
    let plan: Digest = past.plan.parse().map_err(|_| {
        let text = format!("{}: {:?} is no digest of a plan", past.migration, past.plan);
        Ended::new(Exit::Refused, text)
    })?;
    let kept = [kept_done(store, &plan), kept_migration(store, &plan)];
    if let Some(path) = kept.into_iter().find(|path| path.exists()) {
        return Ok(path);
    }
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let paths = files
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut found = paths.filter(|path| {
        let loaded = crate::migration::load(path);
        loaded.is_ok_and(|loaded| loaded.migration.plan_digest() == plan)
    });
    found.next().ok_or_else(|| {
        let text = format!(
            "the file of {} (plan {}) is not in {}; name the folder that has it with --migrations",
            past.migration,
            plan.short(),
            store.display()
        );
        Ended::new(Exit::Refused, text)
    })
}

fn listed(shard: &ShardName, steps: &[Step]) -> String {
    let mut text = format!("{shard} lacks, in this order:\n");
    for Step { past, file } in steps {
        // Writing to a String cannot fail.
        let _ = match file {
            Some(file) => writeln!(text, "  {}  {}", past.migration, file.display()),
            None => writeln!(text, "  {}  a baseline: compared, not run", past.migration),
        };
    }
    text
}

/// Contract drops the old form: the shard must have been typed.
fn confirmed(fleet: &LoadedFleet, args: &CatchUpCli) -> Result<(), Ended> {
    match &args.confirm {
        Some(_) if fleet.fleet.environment.production => refused(
            "contract is never automatic in production: leave --confirm out, promote by hand, and say catch-up again",
        ),
        Some(typed) if typed != args.shard.as_str() => refused(format!(
            "contract drops the old form on {0}: confirm it with --confirm {0} (not {typed})",
            args.shard
        )),
        _ => Ok(()),
    }
}

/// The fleet as if there were this shard only.
fn alone(fleet: &LoadedFleet, shard: &ShardName) -> Result<LoadedFleet, Ended> {
    let mut alone = fleet.clone();
    alone.fleet.shards.retain(|spec| spec.name == *shard);
    let Some(spec) = alone.fleet.shards.first() else {
        return refused(format!("{shard} is not in the fleet file"));
    };
    let ring = spec.ring.clone();
    alone.fleet.rings.retain(|name| *name == ring);
    Ok(alone)
}

/// Before the next migration begins, what is kept of the one before goes: a
/// shard has one registry.
async fn end_of_last(alone: &LoadedFleet, args: &CatchUpCli) -> Result<(), Ended> {
    let store = &alone.fleet.store;
    if !store.join(crate::store::JOURNAL_FILE).exists() {
        return Ok(());
    }
    let Some(rollout) = read_journal(store).await?.state.rollout else {
        return Ok(());
    };
    let plan = &rollout.opening.plan_digest;
    if rollout.outcome.is_none() || !kept_migration(store, plan).exists() {
        return Ok(());
    }
    if !is_only(&rollout, &args.shard) {
        return refused(format!(
            "rollout {} is over and could still be taken back; `pilothouse forget` first",
            rollout.opening.id
        ));
    }
    let reason = format!("catch-up of {}", args.shard);
    forget_on(alone.clone(), reason).await.map(|_| ())
}

fn is_only(rollout: &Rollout, shard: &ShardName) -> bool {
    rollout.shards.keys().all(|name| name == shard)
}

/// One step; if it does not come to its end, what is told and how it ends.
async fn one(
    alone: &LoadedFleet,
    pasts: &Pasts,
    args: &CatchUpCli,
    step: &Step,
) -> Result<Option<(String, Exit)>, Ended> {
    let Some(file) = &step.file else {
        return adopt(alone, pasts, args, step).await.map(|()| None);
    };
    say(format_args!(
        "{}: {} begins",
        args.shard, step.past.migration
    ));
    let job = Job::read(alone.clone(), file, Variant::Correct)?;
    let plan = job.migration.migration.plan_digest();
    if plan.to_string() != step.past.plan {
        return refused(format!(
            "{} is not what the others have done: its plan is {}, theirs {}",
            file.display(),
            plan.short(),
            step.past.plan
        ));
    }
    let confirm = args.confirm.as_ref().map(|_| job.rollout_id());
    let ran = run::drive(
        job,
        RunArgs {
            fleet: args.fleet.clone(),
            migration: file.clone(),
            promote: Promote::Auto,
            face: Face::Headless,
            to: None,
            confirm_contract: confirm,
            variant: Variant::Correct,
            signer: None,
        },
    );
    let (_, exit) = ran.await?;
    Ok(match exit {
        Exit::Done => None,
        exit => Some((
            format!(
                "{}: {} has not come to its end; say catch-up again when it can go on\n",
                args.shard, step.past.migration
            ),
            exit,
        )),
    })
}

/// A baseline is nothing to be done: the shard must be as the others were.
async fn adopt(
    alone: &LoadedFleet,
    pasts: &Pasts,
    args: &CatchUpCli,
    step: &Step,
) -> Result<(), Ended> {
    let found = pasts
        .read
        .get(&args.shard)
        .map(|past| fingerprint(&past.objects));
    let wanted: Option<Digest> = step.past.plan.parse().ok();
    let name = MigrationName::new(&step.past.migration).ok();
    let (Some(schema), Some(name), Some(spec)) = (
        found.filter(|f| Some(*f) == wanted),
        name,
        alone.fleet.shards.first(),
    ) else {
        return refused(format!(
            "the schema of {} is not that of baseline {}; restore it from a backup of that time, or make it alike and say catch-up again",
            args.shard, step.past.migration
        ));
    };
    record(alone, args, &name, schema).await?;
    let written = write_baseline(spec, &Baseline { name, schema }).await;
    written.map_err(|error| Ended::new(Exit::Failed, format!("{}: {}", args.shard, error.message)))
}

/// The journal has it first.
async fn record(
    alone: &LoadedFleet,
    args: &CatchUpCli,
    name: &MigrationName,
    schema: Digest,
) -> Result<(), Ended> {
    let store = &alone.fleet.store;
    run::make_store(store)?;
    let lease = lease(store, "catch-up")?;
    let mut book = book(store, Variant::Correct).await?;
    let command = Command::Baseline {
        name: name.clone(),
        schema,
        shards: vec![args.shard.clone()],
        actor: person(),
        reason: format!("catch-up of {}", args.shard),
    };
    run::recorded(book.take(&Observations::default(), &command).await)?;
    book.seal().await;
    let closed = book.close().await;
    drop(lease);
    closed.map_err(|e| Ended::new(Exit::Failed, e.to_string()))
}
