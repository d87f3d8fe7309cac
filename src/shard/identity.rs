//! What a shard's registry says about the rollout that works on it.

use crate::base::Digest;

/// Names a rollout to a shard, so that another one is told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutIdentity {
    /// Id of the rollout.
    pub id: String,
    /// Digest of the plan that was approved.
    pub plan_digest: Digest,
    /// Digest of the resolved shard set that was approved.
    pub shard_set_digest: Digest,
}
