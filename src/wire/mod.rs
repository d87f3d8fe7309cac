//! What a screen, a script or a peer gets to see, and how it asks for acts.
//!
//! Pure data and pure functions over the heart's state: `project` turns state,
//! observations and telemetry into a [`FleetView`]; `diff` and `fold` move it
//! over a wire in numbered steps. Must not know a clock, a socket, a terminal,
//! or how anything is executed; must not decide anything.

mod absent;
mod approval;
mod attached;
mod command;
mod event;
mod gate;
mod handover;
mod look;
mod need;
mod notify;
mod project;
mod restore;
mod ring;
mod runbook;
mod shard;
mod stall;
mod standing;
mod standing_shard;
mod stream;
mod telemetry;
mod totals;
mod view;
pub mod words;

pub use absent::without_engine;
pub use approval::{ApprovalView, GlassView};
pub use attached::{Attached, Company};
pub use command::{Answer, CommandEnvelope, ServerMessage};
pub use event::{describe, entries};
pub use gate::GateView;
pub use handover::{Handover, HandoverLine, Topic};
pub use look::{
    Finding, JournalEntry, JournalPage, LockParty, LockWait, Locks, Look, PlanStep, PlanWay,
    ShardDetail, Sight, SignalView, StepEstimate,
};
pub use need::NeedKind;
pub use notify::{Delivery, NotifyView};
pub use project::{Source, concerns, events_of, project};
pub use restore::RestoreCount;
pub use runbook::{Block, Runbook, Situation, Voice};
pub use stall::{OWN_STATEMENTS, is_explained};
pub use standing::{Sign, Standing};
pub use stream::{Delta, Feed, Foreign, Stream, Touched, diff, fold};
pub use telemetry::{CheckCount, FlagSeen, Rate, ShardTelemetry, StepProgress, Telemetry};
pub use view::{
    Cell, Eta, EventView, FleetView, Header, Identity, LagMax, Need, Progress, RingView,
    RolloutView, ShardView, Throttled, Totals, WayBack,
};

// The words of the heart that a view carries; screens import them from here.
pub use crate::journal::{Head, LogId};
pub use crate::rollout::{
    ApprovalAct, Auto, Blocker, Gate, Mark, Outcome, Pending, People, Phase, Place, Reading,
    Restored, Right, Scope, ThrottleReason, Verb, Verdict, Verified,
};
// And those of the worker.
pub use crate::worker::{Check, CheckVerdict};
