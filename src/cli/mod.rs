//! One file per subcommand: what the cockpit can do, a script can do.
//!
//! Plain functions from arguments to an exit code; `main` parses.

mod api;
mod approve;
pub mod args;
mod attach;
mod baseline;
mod catch_up;
pub mod demo;
mod dispatch;
pub mod drill;
mod dry_run;
mod end_blocker;
pub mod exit;
pub mod forget;
mod heads;
mod history;
mod import;
pub mod journal;
pub mod lab;
pub mod lint;
mod manual;
mod moment;
mod notify;
mod operator;
pub mod order;
pub mod plan;
pub mod prepare;
mod ready;
pub mod report;
mod restore;
pub mod run;
pub mod screen;
mod serve;
pub mod sign;
pub mod status;
pub mod summary;
mod terminal;
mod verbs;
mod wait;

pub use dispatch::dispatch;
