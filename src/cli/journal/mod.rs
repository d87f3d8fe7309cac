//! `pilothouse journal …`, on a state directory, a `journal.db` or an exported
//! `.jsonl`; an engine may be running.
//!
//! Knows nothing of argument parsing: takes values, gives text and exit code.

mod approval;
mod read;
mod show;
mod signers;
mod verify;
mod witness;

pub use approval::approval;
pub(super) use read::check;
pub use show::{Filter, export, show};
pub use verify::{Against, verify};
pub use witness::reconcile;

use crate::journal::Verdict;

/// Exit code: done, intact.
pub const EXIT_INTACT: u8 = 0;
/// Exit code: something failed on the way.
pub const EXIT_FAILED: u8 = 1;
/// Exit code: the journal to read is not there or is none.
pub const EXIT_BAD_INPUT: u8 = 2;
/// Exit code: a line does not fit the chain.
pub const EXIT_BROKEN: u8 = 10;
/// Exit code: the journal ends before a head that was noted elsewhere.
pub const EXIT_TRUNCATED: u8 = 11;
/// Exit code: a line cannot be read.
pub const EXIT_UNREADABLE: u8 = 12;
/// Exit code: sound, but not the journal whose head was noted elsewhere.
pub const EXIT_FORKED: u8 = 13;
/// Exit code: a signature does not hold.
pub const EXIT_BAD_SIGNATURE: u8 = 14;
/// Exit code: something was done without the approvals it needed.
pub const EXIT_MISSING_APPROVAL: u8 = 15;
/// Exit code: something was done on a shard that no entry intends.
pub const EXIT_UNINTENDED: u8 = 16;

/// What a command says and how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For the screen.
    pub text: String,
    /// For the calling program.
    pub code: u8,
}

/// The exit code for a verdict.
pub fn exit_code(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Intact { .. } => EXIT_INTACT,
        Verdict::Broken { .. } => EXIT_BROKEN,
        Verdict::Truncated { .. } => EXIT_TRUNCATED,
        Verdict::Forked { .. } => EXIT_FORKED,
        Verdict::Unreadable { .. } => EXIT_UNREADABLE,
    }
}
