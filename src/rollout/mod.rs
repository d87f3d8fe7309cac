//! The heart: `decide`, `apply`, `next`. What is allowed, what is known, what
//! should be running.
//!
//! Pure: no clock, no randomness, no I/O, no hash-map order. Time, ids and
//! outcomes come in as values. The engine and the simulator run this same
//! code, and a restart is a replay.

mod apply;
mod approval;
mod approve;
mod audit;
mod blocker;
mod command;
mod decide;
mod enrol;
mod event;
mod gate;
mod guard;
mod keys;
mod next;
mod observation;
mod order;
mod pending;
mod people;
mod promote;
mod refusal;
mod state;
mod tally;

pub use apply::apply;
pub use approval::{Approval, ApprovalAct, ApprovalEnd, Glass, policy_digest};
pub use audit::{Audit, Finding, Wrong};
pub use blocker::{Blocker, BlockerEnd};
pub use command::{Command, Evidence, Order, Report, Restored, Scope, Verb};
pub use decide::{Decision, decide};
pub use enrol::{PeopleChange, role};
pub use event::{Event, Fact};
pub use gate::{Gate, GateReading, Verdict, read as read_gates};
pub use guard::watch as watch_guards;
pub use keys::{EnrolledKey, KeyAct, KeyChange, Signed};
pub use next::{Job, Next, next, next_automatic};
pub use observation::{Observations, OldForm, Reading, ShardObservation, ThrottleReason};
pub use pending::{Pending, Window};
pub use people::{Denied, Grant, People, Person, Place, Right, Role, Token};
pub use promote::{Ready, ready};
pub use refusal::Refusal;
pub use state::{
    Auto, Hold, Mark, Member, Opening, Outcome, Phase, RingState, Rollout, ShardState, State, Undo,
    Verified,
};
pub use tally::Tally;
