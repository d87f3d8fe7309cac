//! One file per subcommand: what the cockpit can do, a script can do.

pub mod status;
