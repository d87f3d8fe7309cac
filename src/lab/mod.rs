//! Throw-away real PostgreSQL fleets: for tests, benchmarks, drills and
//! newcomers.
//!
//! [`Lab::start`] keeps the servers as children of the calling process and
//! ends them when it is dropped; `keeper::run` does the same in a process of
//! its own, to which [`Lab::attach`] speaks. A server that dies stays dead
//! until somebody starts it: the faults are the point. This room must never
//! touch a server that it did not start, nor signal a pid whose start time is
//! not the recorded one, nor listen anywhere but on loopback.

mod account;
mod address;
mod binaries;
mod build;
mod cluster;
pub mod control;
pub mod demo;
mod error;
mod fill;
mod fleet_file;
mod handle;
pub mod keeper;
mod layout;
pub mod ledger;
mod ports;
mod servers;
mod spawner;
mod spec;
mod sql;
mod standby;
pub mod teardown;
pub mod writer;

pub use account::Account;
pub use address::{AddressError, ServerAddress};
pub use binaries::Binaries;
pub use error::LabError;
pub use fleet_file::{ShardAddresses, read_shard};
pub use handle::Lab;
pub use layout::{LabRecord, Layout, ServerRecord};
pub use servers::{ServerState, ServerStatus};
pub use spec::{Durability, Fill, LabSpec, Load};
