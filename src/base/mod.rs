//! Small, strict types that every other room stands on.
//!
//! This room imports nothing of ours, performs no I/O and reads no clock.

mod actor;
mod backoff;
mod cause;
pub mod code;
mod contacts;
mod diagnostic;
mod digest;
mod document;
mod excerpt;
mod findings;
mod ident;
mod name;
mod period;
mod secret;
mod signature;
mod source;
mod stage;
mod suggest;
mod time;
mod untrusted;

pub use actor::{Actor, ActorSource};
pub use backoff::Backoff;
pub use cause::{Cause, Fault};
pub use contacts::Contacts;
pub use diagnostic::{Diagnostic, Diagnostics};
pub use digest::{Digest, DigestError};
pub use document::read_toml;
pub use findings::Findings;
pub use ident::{Ident, IdentError, quote_literal};
pub use name::{MigrationName, NAME_CHARS_MAX, NameError, RingName, ShardName};
pub use period::{Period, PeriodError};
pub use secret::Secret;
pub use signature::{Namespace, PublicKey, Signature, SignatureError, SigningKey};
pub use source::{Location, Source};
pub use stage::{Stage, Stop, StopError};
pub use suggest::{did_you_mean, nearest};
pub use time::Timestamp;
pub use untrusted::Untrusted;
