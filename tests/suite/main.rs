//! What an operator relies on, checked without a database server.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod expressions;
mod files;
mod help;
mod inbox;
mod journal;
mod journal_cli;
mod loaded;
mod store;
