//! One file per subcommand: what the cockpit can do, a script can do.
//!
//! Plain functions from arguments to an exit code; `main` parses.

pub mod journal;
pub mod lab;
pub mod status;
