//! Tests on real PostgreSQL servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod chaos;
mod chaos_failover;
mod chaos_fence;
mod chaos_frozen;
mod chaos_kill;
#[cfg(feature = "broken")]
mod chaos_nth;
mod chaos_oracle;
#[cfg(feature = "broken")]
mod chaos_variants;
mod lab;
mod support;
