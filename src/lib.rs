//! pilothouse: the terminal cockpit, and the engine behind it, that takes one
//! schema or data migration safely across a fleet of database shards.
//!
//! Imports point **down** this list only; `tests/architecture.rs` checks it.

pub mod base;

pub mod fleet;
pub mod migration;

pub mod rollout;

pub mod worker;

pub mod shard;

pub mod drill;

pub mod cli;
