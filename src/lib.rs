//! pilothouse: the terminal cockpit, and the engine behind it, that takes one
//! schema or data migration safely across a fleet of database shards.
//!
//! Imports point **down** this list only; `tests/architecture.rs` checks it.

pub mod api;
pub mod base;
pub mod cli;
pub mod cockpit;
pub mod drill;
pub mod engine;
pub mod flags;
pub mod fleet;
pub mod journal;
pub mod lab;
pub mod migration;
pub mod notify;
pub mod report;
pub mod rollout;
pub mod shard;
pub mod store;
pub mod wire;
pub mod worker;
