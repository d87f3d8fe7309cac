//! Pure and fast tests.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod expressions;
mod files;
mod loaded;
