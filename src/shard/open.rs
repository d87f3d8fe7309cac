//! The one place that knows which kinds there are.

use super::postgres::PostgresShard;
use super::sqlite::{SqlitePlace, SqliteShard};
use super::{
    Baseline, CompileError, FleetFacts, Past, RolloutIdentity, Shard, ShardRecord, ShareSwitch,
    postgres, sqlite,
};
use crate::base::{Period, Stop};
use crate::fleet::{Endpoint, Shard as ShardSpec};
use crate::migration::Migration;
use crate::worker::{CallError, Variant};
use std::path::PathBuf;
use std::sync::Arc;

/// What an engine brings along.
#[derive(Clone)]
pub struct Context {
    /// The rollout.
    pub rollout: RolloutIdentity,
    /// The stops of the rollout.
    pub route: Vec<Stop>,
    /// Engine id, shown in `pg_stat_activity`.
    pub engine: String,
    /// The flag.
    pub flags: Arc<dyn ShareSwitch>,
    /// How long no old-form write may have been seen before retire.
    pub quiet: Period,
    /// Which engine.
    pub variant: Variant,
    /// What preflight holds the shard against.
    pub fleet: FleetFacts,
}

fn file_of(endpoint: &Endpoint) -> Option<PathBuf> {
    match endpoint {
        Endpoint::Sqlite(path) => Some(path.clone()),
        Endpoint::Postgres(_) => None,
    }
}

/// Reads what a shard itself keeps of a rollout; `None` where pilothouse is
/// not installed. Needs no migration, and writes nothing.
///
/// # Errors
/// It does not answer, or its record cannot be read.
pub async fn read_record(spec: &ShardSpec) -> Result<Option<ShardRecord>, CallError> {
    match spec.candidates.first() {
        Some(Endpoint::Sqlite(path)) => sqlite::read_record(path).await,
        _ => postgres::read_record(spec).await,
    }
}

/// Reads what a shard knows of its past and what is in it; `None` for a kind
/// that keeps none. Needs no migration, and writes nothing.
///
/// # Errors
/// It does not answer, or its catalog cannot be read.
pub async fn read_past(spec: &ShardSpec) -> Result<Option<Past>, CallError> {
    match spec.candidates.first() {
        Some(Endpoint::Sqlite(_)) => Ok(None),
        _ => postgres::read_past(spec).await.map(Some),
    }
}

/// Notes where the history of a shard begins. One that is there stays.
///
/// # Errors
/// The shard does not answer, keeps no history, or has a rollout.
pub async fn write_baseline(spec: &ShardSpec, baseline: &Baseline) -> Result<(), CallError> {
    postgres::write_baseline(spec, baseline).await
}

/// Opens a shard of whatever kind its first address names.
///
/// # Errors
/// It does not answer, or cannot do what the migration asks for.
pub async fn open(
    spec: &ShardSpec,
    migration: &Migration,
    context: Context,
) -> Result<Arc<dyn Shard>, CompileError> {
    if let Some(Endpoint::Sqlite(path)) = spec.candidates.first() {
        let place = SqlitePlace {
            name: spec.name.clone(),
            path: path.clone(),
            replicas: spec.replicas.iter().filter_map(file_of).collect(),
        };
        let Context {
            rollout,
            route,
            flags,
            fleet,
            ..
        } = context;
        let shard = SqliteShard::open(place, migration, rollout, &route, flags)?;
        let shard = shard.with_fleet(fleet).with_estimate().await;
        shard.post_shape().await;
        return Ok(Arc::new(shard));
    }
    Ok(Arc::new(
        PostgresShard::open(spec, migration, context).await?,
    ))
}
