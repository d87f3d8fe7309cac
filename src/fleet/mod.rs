//! The fleet file: rings, shards, policy, limits, secrets by reference.
//!
//! Pure but for reading files. Must not open a connection.

mod model;

pub use model::{
    Endpoint, Environment, Fleet, Guard, GuardAction, Policy, PostgresEndpoint, SecretRef, Shard,
    ThrottleLimits, Tls,
};
