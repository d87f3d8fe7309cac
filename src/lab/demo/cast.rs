//! Everybody but pilothouse: the application, the followers and the trouble.

use super::application::Application;
use super::blocker::Blocker;
use super::follower::Follower;
use super::layout::DemoLayout;
use super::spec::DemoSpec;
use super::trouble::TroubleAct;
use crate::base::ShardName;
use crate::lab::LabError;
use crate::lab::ledger::Ledger;
use std::collections::BTreeMap;

/// Everybody at work. Dropping it ends everybody where they are.
pub struct Cast {
    layout: DemoLayout,
    application: Application,
    followers: BTreeMap<ShardName, Follower>,
    blockers: BTreeMap<ShardName, Blocker>,
}

impl Cast {
    /// Starts everybody on a fleet that is built. Needs a tokio runtime.
    pub fn start(layout: &DemoLayout, spec: &DemoSpec) -> Result<Self, LabError> {
        let follower = |name: ShardName| {
            let follower = Follower::start(layout.shard(&name), layout.follower(&name));
            (name, follower)
        };
        let shards = spec.shards().into_iter();
        Ok(Self {
            layout: layout.clone(),
            application: Application::start(layout, spec)?,
            followers: shards.map(|(name, _)| follower(name)).collect(),
            blockers: BTreeMap::new(),
        })
    }

    /// Does what the trouble wants.
    pub async fn act(&mut self, act: &TroubleAct) {
        match act {
            TroubleAct::StopReplay(name) => {
                if let Some(follower) = self.followers.get(name) {
                    follower.stop_replaying();
                }
            }
            TroubleAct::Replay(name) => {
                if let Some(follower) = self.followers.get(name) {
                    follower.replay();
                }
            }
            TroubleAct::TakeLock(name) => {
                let blocker = Blocker::start(self.layout.shard(name));
                self.blockers.insert(name.clone(), blocker);
            }
            TroubleAct::LetGo(name) => {
                if let Some(blocker) = self.blockers.remove(name) {
                    blocker.let_go().await;
                }
            }
        }
    }

    /// Ends everybody in order: the trouble, then the application, then, once
    /// nobody writes any more, the followers.
    pub async fn end(self) -> Result<BTreeMap<ShardName, Ledger>, LabError> {
        for (_, blocker) in self.blockers {
            blocker.let_go().await;
        }
        let ledgers = self.application.stop().await?;
        for (_, follower) in self.followers {
            follower.catch_up().await?;
        }
        Ok(ledgers)
    }
}
