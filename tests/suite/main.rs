//! Fast tests: pure rooms and SQLite.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../contract/mod.rs"]
mod contract_cases;

mod contract;
mod sqlite_fixture;
mod sqlite_kind;
mod sqlite_preflight;
mod sqlite_rollout;
