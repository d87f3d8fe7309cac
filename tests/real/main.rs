//! Tests on real PostgreSQL servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod bench;
mod contract;
#[path = "../contract/mod.rs"]
mod contract_cases;
mod lab;
mod rules_authority;
mod rules_forms;
mod rules_preflight;
mod rules_tamper;
mod rules_throttle;
mod support;
