//! Tests on real PostgreSQL servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../contract/mod.rs"]
mod contract_cases;
mod bench;
mod contract;
mod engine;
mod lab;
mod load;
mod main_job;
mod oracle;
mod rules_authority;
mod rules_forms;
mod rules_preflight;
mod rules_tamper;
mod rules_throttle;
mod support;
mod verbs;
