//! What an operator relies on, checked without a database server.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod desk;
mod expressions;
mod files;
mod heart;
mod heart_laws;
mod inbox;
mod journal;
mod journal_cli;
mod loaded;
mod simulator;
mod store;
