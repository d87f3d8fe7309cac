//! The engine: a reconcile loop around the pure heart.
//!
//! It compares what should be running with what runs, starts and stops the
//! difference, and appends what is reported. An intent is durable before its
//! effect. It holds no rule of its own: those are in `rollout` and `worker`.

mod backlog;
mod blocker;
mod book;
mod clock;
mod driver;
mod failpoint;
mod look;
mod mailbox;
mod meter;
mod observe;
mod poller;
pub mod port;
mod reconcile;
mod record;
mod restore;
mod setup;
mod shares;
mod show;
mod signed_head;
mod supervisor;
mod throttle;

pub use book::{Book, BookError, Taken, Ticket, Trouble};
pub use clock::now;
pub use observe::Observer;
pub use record::{UnknownEntry, draft, fact, replay};
pub use restore::RESTORE_WINDOW;
pub use setup::{Goal, Opener, Print, Setup, Stopped};
pub use shares::Shares;
pub use supervisor::Engine;
pub use throttle::Throttle;
