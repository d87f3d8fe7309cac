//! Ends sessions that others wait for, once the order is in the journal.

use super::driver::Told;
use super::supervisor::Engine;
use crate::base::ShardName;
use crate::rollout::{Blocker, BlockerEnd, Report};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

impl Engine {
    /// Begins with every order that nobody carries out yet. After a crash the
    /// same order is carried out again: what it names is one transaction, and
    /// that is ended once at most.
    pub(super) fn end_blockers(&mut self) {
        let rollout = self.setup.book.state().open();
        let shards = rollout.into_iter().flat_map(|r| &r.shards);
        let wanted = shards.filter_map(|(name, shard)| Some((name.clone(), shard.ending?)));
        let wanted: BTreeMap<ShardName, Blocker> = wanted.collect();
        self.ending
            .retain(|name, blocker| wanted.get(name) == Some(blocker));
        if self.is_behind() {
            return;
        }
        for (name, blocker) in wanted {
            if self.ending.insert(name.clone(), blocker).is_some() {
                continue;
            }
            let shard = self.setup.shards.get(&name).map(Arc::clone);
            let told = self.told.clone();
            self.tasks.spawn(async move {
                let end = match shard {
                    Some(shard) => shard.end_blocker(blocker).await,
                    None => BlockerEnd::Failed("the shard does not answer".into()),
                };
                let report = Report::BlockerEnded { blocker, end };
                // Nobody waits for it to be durable; nobody hears it only when
                // the engine has stopped.
                let (durable, _) = oneshot::channel();
                let _ = told.send(Told::Report(name, report, durable)).await;
            });
        }
    }
}
