//! The fleet file: rings, shards, policy, limits, secrets by reference.
//!
//! Pure but for reading files. Must not open a connection.

mod command;
mod endpoint;
mod file;
mod identity;
mod model;
mod notify;
mod notify_section;
mod overlap;
mod percent;
mod policy_section;
mod raw;
mod secret_ref;
mod shard_section;

pub use crate::base::Source;
pub use command::CommandError;
pub use endpoint::{EndpointError, parse_endpoint};
pub use file::{LoadedFleet, load, parse};
pub use model::{
    Crew, Endpoint, Environment, Fleet, Guard, GuardAction, Policy, PostgresEndpoint, SecretRef,
    Shard, ThrottleLimits, Tls,
};
pub use notify::{Notify, NotifyEvent, NotifyTo};
pub use policy_section::SIGNALS;
pub use secret_ref::{SecretError, SecretRefError, parse_secret_ref};
