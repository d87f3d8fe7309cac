//! Small, strict types that every other room stands on.
//!
//! This room imports nothing of ours, performs no I/O and reads no clock.

mod actor;
mod cause;
mod digest;
mod ident;
mod name;
mod period;
mod secret;
mod stage;
mod time;
mod untrusted;

pub use actor::{Actor, ActorSource};
pub use cause::{Cause, Fault};
pub use digest::{Digest, DigestError};
pub use ident::{Ident, IdentError, quote_literal};
pub use name::{MigrationName, NameError, RingName, ShardName};
pub use period::{Period, PeriodError};
pub use secret::Secret;
pub use stage::{Stage, Stop, StopError};
pub use time::Timestamp;
pub use untrusted::Untrusted;
