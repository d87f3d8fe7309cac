//! Counts what a merge restore would give, when somebody is about to order one.

use super::clock;
use super::driver::Told;
use super::supervisor::Engine;
use crate::base::{Period, ShardName, Timestamp};
use crate::rollout::{Restored, Scope};
use crate::shard::count_restore;
use crate::wire::RestoreCount;
use crate::worker::CallError;
use std::sync::Arc;

/// Rows of one statement of the count: a few hundred milliseconds at most.
pub const RESTORE_WINDOW: u32 = 20_000;
/// A count this fresh is not made again.
const FRESH: Period = Period::from_ms(10_000);

impl Engine {
    /// Starts a count on every shard whose way back is a merge restore. Each
    /// shard is read at its own pace; nothing else waits for it.
    pub(super) fn count_restore(&mut self) {
        let Some(rollout) = &self.setup.book.state().rollout else {
            return;
        };
        let now = clock::now();
        for name in rollout.dropped(&Scope::Fleet) {
            if self.restore.get(&name).is_some_and(|c| holds(c, now)) {
                continue;
            }
            let Some(shard) = self.setup.shards.get(&name).map(Arc::clone) else {
                let why = "the shard does not answer".to_owned();
                self.restore
                    .insert(name, RestoreCount::Failed { why, at: now });
                continue;
            };
            let told = self.told.clone();
            self.restore
                .insert(name.clone(), RestoreCount::Counting { since: now });
            self.tasks.spawn(async move {
                let found = count_restore(shard.as_ref(), RESTORE_WINDOW).await;
                // Nobody listens only when the engine has stopped.
                let _ = told.send(Told::RestoreCounted(name, found)).await;
            });
        }
    }

    pub(super) fn counted(&mut self, shard: ShardName, found: Result<Restored, CallError>) {
        let at = clock::now();
        let count = match found {
            Ok(restored) => RestoreCount::Counted { restored, at },
            Err(error) => RestoreCount::Failed {
                why: error.to_string(),
                at,
            },
        };
        self.restore.insert(shard, count);
    }
}

fn holds(count: &RestoreCount, now: Timestamp) -> bool {
    match count {
        RestoreCount::Counting { .. } => true,
        RestoreCount::Counted { at, .. } => now.since(*at) < FRESH,
        RestoreCount::Failed { .. } => false,
    }
}
