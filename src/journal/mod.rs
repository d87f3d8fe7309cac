//! The record: an append-only chain of entries, each naming the hash of the
//! one before it.
//!
//! One line of JSON per entry, and the line *is* the canonical bytes that are
//! hashed. This room is pure: no files, no database, no clock; moments come in
//! with the drafts. A chain alone cannot show that its tail was cut off; for
//! that [`verify`] takes a [`Head`] that was noted elsewhere.

mod canonical;
mod chain;
mod entry;
mod seal;
mod verify;

pub use canonical::{CanonicalError, DEPTH_MAX, INTEGER_MAX, LINE_BYTES_MAX};
pub use chain::{Chain, Head, HeadError};
pub use entry::{Draft, DraftError, ENTRY_VERSION, Entry, LogId, LogIdError, ReadError};
pub use seal::{SEAL_KIND, Seal};
pub use verify::{Break, Ending, Verdict, Verifier, verify, verify_each};
