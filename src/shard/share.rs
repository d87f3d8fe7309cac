//! The flag, as a shard sees it: what share of clients uses the new form here.

use crate::base::{Fault, ShardName};
use futures_util::future::BoxFuture;

/// Sets the flag share of a shard and tells who has seen it.
pub trait ShareSwitch: Send + Sync {
    /// Sets the share, in percent. Setting it twice is one act.
    fn set<'a>(&'a self, shard: &'a ShardName, percent: u8) -> BoxFuture<'a, Result<(), Fault>>;

    /// Who is alive, and who of them has not seen this share yet.
    fn seen<'a>(
        &'a self,
        shard: &'a ShardName,
        percent: u8,
    ) -> BoxFuture<'a, Result<ShareSeen, Fault>>;
}

/// What [`ShareSwitch::seen`] finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareSeen {
    /// Live clients.
    pub clients: u64,
    /// Clients that have not seen it yet.
    pub behind: Vec<String>,
}
