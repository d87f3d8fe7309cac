//! A throw-away fleet of SQLite files, with everything around it that makes a
//! rollout worth watching: followers that really replay and really lag, an
//! application whose every acknowledged write is on its ledger, and a little
//! trouble at seeded moments.
//!
//! It knows the fleet from the outside only: files, flags and the view that
//! any client gets. It must never touch what pilothouse keeps in a file, nor
//! a directory that it did not make.

mod application;
mod blocker;
mod build;
mod cast;
mod directory;
mod examine;
mod files;
mod follower;
mod layout;
mod spec;
mod tables;
mod trouble;
mod writer;

pub use build::build;
pub use cast::Cast;
pub use directory::Directory;
pub use examine::{Examined, examine};
pub use follower::Follower;
pub use layout::DemoLayout;
pub use spec::{DemoSpec, Pace};
pub use trouble::{Trouble, TroubleAct, TroubleSeen};

/// Name of the demo's migration: what is typed to confirm contract.
pub const MIGRATION: &str = "balance-cents";
