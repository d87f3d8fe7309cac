//! Telling those outside that a person is needed, or that something ended.
//!
//! The pure half decides: [`due`] reads off a view what is worth telling,
//! [`Ledger`] groups it and tells nothing twice. The other half delivers, in
//! tasks of its own: whoever does not answer holds up nobody else, least of
//! all the engine. Must not decide anything about a rollout, and must not let
//! a secret into any text: neither its own nor one that a peer sends back.

mod command;
mod deliver;
mod due;
mod http;
mod ledger;
mod message;
mod notifier;
mod sign;
mod untold;

pub use deliver::{Retry, try_once};
pub use due::{Due, due};
pub use ledger::{GROUP, Group, Ledger, Pace};
pub use message::{BODY_VERSION, Message, Notice, test_message};
pub use notifier::Notifier;
pub use sign::{Key, KeyError};
pub use untold::Untold;
