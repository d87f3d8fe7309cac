//! The flag port as shards need it.

use crate::base::{Fault, ShardName, code};
use crate::flags::{FlagError, FlagProvider, Share};
use crate::shard::{ShareSeen, ShareSwitch};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Sets reads, then writes (back: writes, then reads), of one shard.
pub struct Shares {
    provider: Arc<dyn FlagProvider>,
}

impl Shares {
    /// Over any provider.
    pub fn new(provider: Arc<dyn FlagProvider>) -> Self {
        Self { provider }
    }
}

fn fault(shard: &ShardName, error: &FlagError) -> Fault {
    Fault {
        code: code::FLAG.into(),
        what: error.to_string(),
        place: format!("flag of shard {shard}"),
        why: None,
        did: "the share stays as it was".into(),
        can: "mend the flag provider; it is tried again".into(),
    }
}

impl ShareSwitch for Shares {
    fn set<'a>(&'a self, shard: &'a ShardName, percent: u8) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let now = self
                .provider
                .read(shard)
                .await
                .map_err(|e| fault(shard, &e))?;
            // Nobody may write a form that nobody reads yet, in either direction.
            let half_way = if percent >= now.writes_percent {
                Share {
                    reads_percent: percent,
                    writes_percent: now.writes_percent,
                }
            } else {
                Share {
                    reads_percent: now.reads_percent,
                    writes_percent: percent,
                }
            };
            let whole = Share {
                reads_percent: percent,
                writes_percent: percent,
            };
            for share in [half_way, whole] {
                self.provider
                    .set(shard, share)
                    .await
                    .map_err(|e| fault(shard, &e))?;
            }
            Ok(())
        })
    }

    fn seen<'a>(
        &'a self,
        shard: &'a ShardName,
        percent: u8,
    ) -> BoxFuture<'a, Result<ShareSeen, Fault>> {
        Box::pin(async move {
            let share = Share {
                reads_percent: percent,
                writes_percent: percent,
            };
            let now = self
                .provider
                .read(shard)
                .await
                .map_err(|e| fault(shard, &e))?;
            // Asking must never move the flag: another engine may have.
            if now.reads_percent != percent || now.writes_percent != percent {
                return Ok(ShareSeen {
                    clients: 0,
                    behind: vec![format!("the flag itself: it is not at {percent} %")],
                });
            }
            // Setting what is set already gives the version to wait for.
            let version = self
                .provider
                .set(shard, share)
                .await
                .map_err(|e| fault(shard, &e))?;
            let seen = self
                .provider
                .seen(version)
                .await
                .map_err(|e| fault(shard, &e))?;
            Ok(ShareSeen {
                clients: u64::try_from(seen.clients_live).unwrap_or(u64::MAX),
                behind: seen.clients_behind,
            })
        })
    }
}
