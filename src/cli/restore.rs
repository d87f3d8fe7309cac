//! A roll back past drop is a merge restore: what it gives on each shard is
//! shown before anybody can confirm it.

use super::exit::{Ended, Exit};
use super::order::OrderArgs;
use super::prepare::{Job, kept_migration, read_journal};
use crate::base::ShardName;
use crate::engine::RESTORE_WINDOW;
use crate::fleet::LoadedFleet;
use crate::rollout::{Restored, Verb};
use crate::shard::count_restore;
use crate::wire::words;
use crate::worker::Variant;

/// Ends with the counts, and with what to type, if the order would begin a
/// merge restore and nothing was typed. Reads only.
pub(super) async fn show_first(fleet: &LoadedFleet, args: &OrderArgs) -> Result<(), Ended> {
    let Verb::RollBack { to } = args.verb else {
        return Ok(());
    };
    if args.confirm.is_some() {
        // What was typed is judged with the order.
        return Ok(());
    }
    let Some(rollout) = read_journal(&fleet.fleet.store).await?.state.rollout else {
        return Ok(());
    };
    let shards = rollout.dropped(&args.scope);
    let kept = kept_migration(&fleet.fleet.store, &rollout.opening.plan_digest);
    if shards.is_empty() || !kept.exists() {
        return Ok(());
    }
    let job = Job::read_kept(
        fleet.clone(),
        &rollout.opening.plan_digest,
        Variant::Correct,
    )?;
    let counts = counts(&job, &shards).await;
    let id = &rollout.opening.id;
    Err(Ended::new(
        Exit::Refused,
        format!(
            "roll back {} to {to} begins with a merge restore: what was dropped comes back.\n{}nothing was ordered; to go on, say it again with --confirm {id}",
            args.scope,
            table(&counts),
        ),
    ))
}

type Counts = Vec<(ShardName, Result<Restored, String>)>;

async fn counts(job: &Job, shards: &[ShardName]) -> Counts {
    let looks = shards.iter().map(|name| async move {
        let counted = match job.open_shard(name).await {
            Ok(shard) => count_restore(shard.as_ref(), RESTORE_WINDOW)
                .await
                .map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        (name.clone(), counted)
    });
    futures_util::future::join_all(looks).await
}

fn table(counts: &Counts) -> String {
    let mut lines = vec![[
        "shard".to_owned(),
        "exported value".to_owned(),
        "down(new)".to_owned(),
    ]];
    let mut failed = Vec::new();
    for (name, counted) in counts {
        match counted {
            Ok(restored) => lines.push([
                name.to_string(),
                words::grouped(restored.exported),
                words::grouped(restored.down),
            ]),
            Err(why) => failed.push(format!("  {name}: not counted: {why}\n")),
        }
    }
    let wide = |column: usize| lines.iter().map(|l| l[column].len()).max().unwrap_or(0);
    let (first, second, third) = (wide(0), wide(1), wide(2));
    let mut text = String::new();
    for [shard, exported, down] in &lines {
        text.push_str(&format!(
            "  {shard:first$}  {exported:>second$}  {down:>third$}\n"
        ));
    }
    text.extend(failed);
    text
}
