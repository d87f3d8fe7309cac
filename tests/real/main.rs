//! Tests on real PostgreSQL servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod engine;
mod lab;
mod load;
mod main_job;
mod oracle;
mod support;
mod verbs;
