//! One file per subcommand: what the cockpit can do, a script can do.
//!
//! Plain functions from arguments to an exit code; `main` parses.

mod approve;
pub mod args;
mod attach;
pub mod demo;
mod dispatch;
pub mod drill;
pub mod exit;
pub mod forget;
pub mod journal;
pub mod lab;
mod notify;
mod operator;
pub mod order;
pub mod plan;
pub mod prepare;
mod restore;
pub mod run;
pub mod screen;
mod serve;
pub mod status;
pub mod summary;
mod terminal;

pub use dispatch::dispatch;
