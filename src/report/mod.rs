//! What became of a rollout, out of its journal: for the review, the audit
//! and the next shift.
//!
//! Pure projections of the journal's facts: nothing here reads a file or a
//! clock, and nothing decides. A report says what is on record and, as
//! plainly, what is not. Text for people is escaped where it is written
//! ([`Report::markdown`]), never before.

mod account;
mod cell;
mod deviation;
mod gather;
mod handover;
mod markdown;
mod open_end;
mod standstill;
mod timeline;
mod told;
mod work;

pub use account::{
    Admission, AtFault, Cap, Deviation, Figure, Given, Glassed, Heading, Moment, Note, Proof,
    Report, Request, RingTime, RowFigure, Run, Sealed, Standstill, Stood, Until,
};
pub use cell::cell;
pub use gather::{Made, gather, runs};
pub use handover::{Shift, handover, is_notable, plain};
pub use told::{Section, Told, told};
