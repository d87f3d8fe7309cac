//! What an operator relies on, checked without a database server.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod approvals;
mod cockpit;
mod columns;
mod commands;
mod contract;
#[path = "../contract/mod.rs"]
mod contract_cases;
mod contract_sim;
mod crew;
mod daemon;
mod demo;
mod desk;
mod documents;
mod expressions;
mod files;
mod given_up;
mod hands;
mod heart;
mod heart_gates;
mod heart_laws;
mod help;
mod hostile;
mod inbox;
mod journal;
mod journal_cli;
mod journal_full;
mod keys_page;
mod loaded;
mod loopback;
mod orders;
mod people;
mod plain;
mod png;
mod questions;
mod recording;
mod restore;
mod rows;
mod scene;
mod screens;
mod shown;
mod sights;
mod simulator;
mod slow_shard;
mod sqlite_fixture;
mod sqlite_kind;
mod sqlite_preflight;
mod sqlite_rollout;
mod standing;
mod store;
mod stranger;
mod theme;
mod watch;
mod wire;
#[path = "../written/mod.rs"]
mod written;
