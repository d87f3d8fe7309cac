//! Tests on real PostgreSQL servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod bench;
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
mod contract;
#[path = "../contract/mod.rs"]
mod contract_cases;
mod corpus;
mod dice;
mod drift;
mod engine;
mod history;
mod lab;
mod load;
mod main_job;
mod operation_cases;
mod operations;
mod operations_killed;
mod oracle;
mod pgroll;
mod random_case;
mod random_changes;
mod random_operations;
mod rules_again;
mod rules_authority;
mod rules_clients;
mod rules_columns;
mod rules_forms;
mod rules_lint;
mod rules_locks;
mod rules_long;
mod rules_losses;
mod rules_pooler;
mod rules_preflight;
mod rules_ranges;
mod rules_restore;
mod rules_tamper;
mod rules_throttle;
mod support;
mod there_and_back;
mod tour;
mod verbs;
mod version_cases;
mod version_views;
mod versions;
#[path = "../written/mod.rs"]
mod written;
