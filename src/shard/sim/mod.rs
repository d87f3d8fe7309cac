//! A simulated shard: exact semantics, no clock, no chance of its own.
//!
//! It keeps rows, a trigger with its authority, our registry, fence,
//! checkpoints and chunk log, and it can lose its newest commits. Faults are
//! thrown at it by `drill::sim`; the shared contract tests run on it too, so
//! that it cannot drift away from real databases.

mod acts;
mod app;
mod dice;
mod image;
mod rows;
mod server;
mod session;

pub use acts::plan;
pub use app::{AppRefusal, AppWrite, Form};
pub use dice::Dice;
pub use image::{
    Authority, Ghost, Image, Index, JobTable, LogRow, Ours, RangeRow, Row, Schema, Trigger, down,
    key_of, up,
};
pub use rows::coverage_gap;
pub use server::{Flag, ServerOptions, SimServer};
pub use session::{SimShard, contract_fixture};
