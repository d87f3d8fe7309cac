//! The record.

use clap::Subcommand;
use std::path::PathBuf;

/// `journal …`.
#[derive(Debug, Subcommand)]
pub enum JournalCli {
    /// Show entries.
    #[command(after_help = "Example:\n  pilothouse journal show .pilothouse --last 20")]
    Show {
        /// A store directory, a journal.db or an exported file.
        file: PathBuf,
        /// Only the newest entries.
        #[arg(long)]
        last: Option<usize>,
        /// Only this kind of event.
        #[arg(long)]
        kind: Option<String>,
    },
    /// Write every entry, one line each.
    #[command(after_help = "Example:\n  pilothouse journal export .pilothouse > journal.jsonl")]
    Export {
        /// A store directory, a journal.db or an exported file.
        file: PathBuf,
    },
    /// Verify chain, seals and approvals, and what shards keep of it.
    #[command(
        after_help = "Examples:\n  pilothouse journal verify journal.jsonl --since 42:9f3c…\n  pilothouse journal verify journal.jsonl --allowed-signers signers --witness fleet.toml\n\nExit codes: 0 intact, 10 broken, 11 truncated, 12 unreadable, 13 forked,\n14 bad signature, 15 missing approval, 16 effect without intent."
    )]
    Verify {
        /// A store directory, a journal.db or an exported file.
        file: PathBuf,
        /// A head noted elsewhere, SEQ:HEX: the journal must hold it.
        #[arg(long, value_name = "SEQ:HEX")]
        since: Option<String>,
        /// Who may sign, as ssh-keygen -Y verify takes it.
        #[arg(long, value_name = "FILE")]
        allowed_signers: Option<PathBuf>,
        /// The fleet whose shards are asked what they have seen.
        #[arg(long, value_name = "FLEET")]
        witness: Option<PathBuf>,
    },
    /// Take a signed approval out, for ssh-keygen -Y verify.
    #[command(after_help = "Example:\n  pilothouse journal approval .pilothouse 1f00c2d3 --out .")]
    Approval {
        /// A store directory, a journal.db or an exported file.
        file: PathBuf,
        /// Id of the request.
        id: String,
        /// The directory for what was signed and each signature.
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
    /// Find what ran on the shards without standing in the journal.
    #[command(after_help = "Example:\n  pilothouse journal reconcile --fleet fleet.toml")]
    Reconcile {
        /// Fleet file.
        #[arg(long, value_name = "FILE")]
        fleet: PathBuf,
    },
}
