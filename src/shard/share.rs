//! The flag as a shard's executor sees it: set a share, ask who has seen it.

use crate::base::{Fault, ShardName};
use futures_util::future::BoxFuture;

/// The part of the flag port that a stop needs.
pub trait ShareSwitch: Send + Sync {
    /// Sets the share of reads, then of writes, in percent.
    fn set<'a>(&'a self, shard: &'a ShardName, percent: u8) -> BoxFuture<'a, Result<(), Fault>>;

    /// Live clients, and the names of those that have not seen `percent` yet.
    fn seen<'a>(
        &'a self,
        shard: &'a ShardName,
        percent: u8,
    ) -> BoxFuture<'a, Result<(u64, Vec<String>), Fault>>;
}
