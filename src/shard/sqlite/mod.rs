//! SQLite: one file is one shard.
//!
//! Executes `ShardCall`s; decides nothing. One writer at a time is SQLite's
//! own rule, so the fence is a comparison inside `BEGIN IMMEDIATE`, and
//! authority `both` does not exist: reads move by flag, and the direction of
//! writing turns in one transaction when the flag stands at 100 %.
//! Everything of ours in the file is called `pilothouse_…`.

mod act;
mod attach;
mod catalog;
mod chunk;
mod commit;
mod conclude;
pub mod dialect;
mod drift;
mod failure;
mod file;
mod install;
mod intact;
mod look;
mod preflight;
mod pulse;
mod range;
mod receipt;
mod record;
mod session;
mod statement;
mod surroundings;
mod transaction;

pub use file::{SqlitePlace, SqliteShard};
pub use record::read_record;
