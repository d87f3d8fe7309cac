//! `forget`: nothing of pilothouse stays on the shards.

use super::exit::{Ended, Exit};
use super::prepare::{
    Job, Opened, book, kept_done, kept_migration, kept_runbook, lease, load_fleet,
};
use super::run::recorded;
use crate::api::account::person;
use crate::base::ShardName;
use crate::engine::now;
use crate::fleet::LoadedFleet;
use crate::rollout::{Command, Observations, Phase, State, decide};
use crate::shard::Remains;
use crate::worker::Variant;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// Removes what pilothouse keeps on every shard once no rollout is open. A
/// shard that was given up is left alone where it cannot be cleaned, and said
/// to be.
///
/// # Errors
/// A rollout is open, or a shard could not be cleaned.
pub async fn forget(fleet: &Path, reason: String) -> Result<String, Ended> {
    forget_on(load_fleet(fleet)?, reason).await
}

/// The same, of a fleet that was loaded.
///
/// # Errors
/// As [`forget`].
pub(super) async fn forget_on(fleet: LoadedFleet, reason: String) -> Result<String, Ended> {
    let store = fleet.fleet.store.clone();
    let lease = lease(&store, "forget")?;
    let mut book = book(&store, Variant::Correct).await?;
    // Judged before anything is looked at, and recorded before anything goes.
    let command = Command::Forget(person(), reason);
    if let Err(refusal) = decide(book.state(), &Observations::default(), &command, now()) {
        return Err(Ended::new(Exit::Refused, refusal.to_string()));
    }
    let Some(plan) = book.state().rollout.as_ref().map(|r| r.opening.plan_digest) else {
        return Ok("nothing to forget\n".into());
    };
    let kept = kept_migration(&store, &plan);
    if !kept.exists() {
        return Ok("forgotten before\n".into());
    }
    let given_up = given_up(book.state());
    let job = Job::read_kept(fleet, &plan, Variant::Correct)?;
    let mut opened = job.open_shards().await;
    recorded(book.take(&Observations::default(), &command).await)?;
    let text = clean(&mut opened, &given_up, &job).await?;
    // What is gone cannot be rolled back any more; `forgotten` tells by this.
    // A shard that comes later is brought here by the same file.
    let done = kept_done(&store, &plan);
    if let Some(folder) = done.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    if std::fs::rename(&kept, &done).is_err() {
        let _ = std::fs::remove_file(&kept);
    }
    let _ = std::fs::remove_file(kept_runbook(&store, &plan));
    book.seal().await;
    let closed = book.close().await;
    closed.map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    drop(lease);
    Ok(text)
}

/// Shards that an abort has left behind.
fn given_up(state: &State) -> BTreeSet<ShardName> {
    let shards = state.rollout.iter().flat_map(|r| &r.shards);
    shards
        .filter(|(_, shard)| shard.phase == Phase::Abandoned)
        .map(|(name, _)| name.clone())
        .collect()
}

async fn clean(
    opened: &mut Opened,
    given_up: &BTreeSet<ShardName>,
    job: &Job,
) -> Result<String, Ended> {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut left = |name: &ShardName, why: String| {
        let _ = writeln!(
            text,
            "{name}: was given up and is left as it is ({why}); undo it by hand with the script of `pilothouse plan --undo`"
        );
    };
    opened.missing.retain(|name, why| {
        let known = given_up.contains(name);
        if known {
            left(name, why.to_string());
        }
        !known
    });
    if !opened.missing.is_empty() {
        return Err(job.not_opened(&opened.missing));
    }
    let mut cleaned = String::new();
    for (name, shard) in &opened.shards {
        match shard.forget().await {
            Ok(remains) => {
                let but = match remains {
                    Remains::Nothing => "",
                    Remains::History => " but its history",
                };
                let _ = writeln!(cleaned, "{name}: nothing of pilothouse remains{but}");
            }
            Err(fault) if given_up.contains(name) => left(name, fault.to_string()),
            Err(fault) => return Err(Ended::new(Exit::Failed, fault.to_string())),
        }
    }
    Ok(cleaned + &text)
}
