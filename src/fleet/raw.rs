//! The fleet file as it is written, before it is checked. Numbers and words
//! stay loose here, so that every mistake gets our own words.

use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFleet {
    pub(super) name: String,
    pub(super) store: Option<String>,
    pub(super) environment: RawEnvironment,
    #[serde(default)]
    pub(super) policy: RawPolicy,
    #[serde(default)]
    pub(super) throttle: RawThrottle,
    #[serde(default)]
    pub(super) guard: Vec<RawGuard>,
    #[serde(default)]
    pub(super) flags: RawFlags,
    #[serde(default)]
    pub(super) notify: Vec<RawNotify>,
    #[serde(default)]
    pub(super) instances: BTreeMap<String, RawInstance>,
    #[serde(default)]
    pub(super) ring: Vec<RawRing>,
    pub(super) shard: Option<Vec<RawShard>>,
    pub(super) shards: Option<RawShardsFrom>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEnvironment {
    pub(super) name: String,
    pub(super) production: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pub(super) after: Option<String>,
    pub(super) soak: Option<String>,
    #[serde(default)]
    pub(super) shift: RawShift,
    pub(super) max_failed_shards: Option<i64>,
    pub(super) verify_age_max: Option<String>,
    pub(super) quiet: Option<String>,
    pub(super) attempts_max: Option<i64>,
    #[serde(default)]
    pub(super) approvals: BTreeMap<String, i64>,
    pub(super) approval_ttl: Option<String>,
    #[serde(default)]
    pub(super) signed: Vec<String>,
    pub(super) people: Option<String>,
    pub(super) stall_after: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawShift {
    pub(super) steps: Option<Vec<i64>>,
    pub(super) soak: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawThrottle {
    pub(super) poll: Option<String>,
    pub(super) stale_after: Option<String>,
    pub(super) replica_lag: Option<String>,
    pub(super) active_sessions: Option<i64>,
    pub(super) slot_wal_bytes: Option<i64>,
    pub(super) oldest_transaction: Option<String>,
    pub(super) archive_segments: Option<i64>,
    pub(super) disk_free_bytes: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGuard {
    pub(super) name: String,
    pub(super) signal: String,
    pub(super) above: i64,
    pub(super) lasting: String,
    pub(super) action: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFlags {
    pub(super) directory: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNotify {
    pub(super) name: String,
    pub(super) to: RawNotifyTo,
    pub(super) events: Option<Vec<String>>,
    pub(super) timeout: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum RawNotifyTo {
    Webhook { url: String, key: String },
    Slack { url: String },
    Command { argv: Vec<String> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInstance {
    pub(super) max_running: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRing {
    pub(super) name: String,
}

/// Where the shard list comes from, if not from the fleet file.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawShardsFrom {
    File(String),
    Command(Vec<String>),
}

/// A shard list of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawShardList {
    #[serde(default)]
    pub(super) shard: Vec<RawShard>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawShard {
    pub(super) name: String,
    pub(super) ring: String,
    pub(super) instance: Option<String>,
    pub(super) candidates: Vec<String>,
    #[serde(default)]
    pub(super) replicas: Vec<String>,
    pub(super) password: Option<String>,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    pub(super) ddl_role: Option<String>,
}
