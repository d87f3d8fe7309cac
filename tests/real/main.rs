//! Tests on real PostgreSQL servers.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod lab;
mod support;
