//! Fast tests: no server, no network, no terminal.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod desk;
mod heart;
mod heart_laws;
mod simulator;
