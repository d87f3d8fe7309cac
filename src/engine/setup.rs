//! What an engine is made of, and when it stops.

use super::book::Book;
use super::port::{Orders, Publisher};
use crate::base::{Contacts, Period, ShardName, Stop};
use crate::fleet::ThrottleLimits;
use crate::migration::Chunks;
use crate::notify::Notifier;
use crate::rollout::Fact;
use crate::shard::Shard;
use crate::store::Inbox;
use crate::wire::Identity;
use crate::worker::Variant;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an engine is made of.
pub struct Setup {
    /// The journal and its fold.
    pub book: Book,
    /// Orders from other processes, if there is an inbox.
    pub inbox: Option<Inbox>,
    /// What the screens call this fleet.
    pub identity: Identity,
    /// Whom to call.
    pub contacts: Contacts,
    /// What to do when, in Markdown, if the migration names a runbook.
    pub runbook: Option<String>,
    /// Every shard, opened.
    pub shards: BTreeMap<ShardName, Arc<dyn Shard>>,
    /// Shards that did not answer; they join when they do.
    pub missing: Vec<ShardName>,
    /// Opens shards that were missing.
    pub opener: Option<Arc<dyn Opener>>,
    /// Throttle limits.
    pub throttle: ThrottleLimits,
    /// Chunk settings.
    pub chunks: Chunks,
    /// A shard at work that has not moved for so long has stalled.
    pub stall_after: Period,
    /// Tells those outside.
    pub notifier: Notifier,
    /// Publishes views to clients.
    pub publisher: Publisher,
    /// Orders of clients.
    pub orders: Orders,
    /// Which engine.
    pub variant: Variant,
}

/// Gets every new fact with its number in the journal.
pub type Print = Box<dyn FnMut(u64, &Fact) + Send>;

/// Opens a shard by name.
pub trait Opener: Send + Sync {
    /// One try.
    fn open<'a>(&'a self, name: &'a ShardName) -> BoxFuture<'a, Option<Arc<dyn Shard>>>;
}

/// When the engine stops by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// When it is told to.
    Told,
    /// When every ring has finished this stop, the rollout has ended, or
    /// nothing goes on without a person.
    Reached(Stop),
    /// When nothing is being rolled back any more.
    RolledBack,
}

/// Why it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was told to.
    Told,
    /// The goal is reached or the rollout has ended.
    Reached,
    /// Nothing goes on without a person; why.
    NeedsHuman(String),
    /// Another engine owns a shard.
    Fenced(ShardName),
}
