//! One file per subcommand. What the cockpit can do, a script can do.

pub mod drill;
