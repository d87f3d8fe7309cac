//! The flag port: which share of reads and writes uses the new form, and
//! which clients have seen that.
//!
//! [`FlagProvider`] is what the engine asks; [`FileFlags`] is the built-in
//! provider (files in a directory); [`Client`] is the application's side of
//! it. This room decides nothing about rollouts: it stores a share, hands it
//! out and says who has not seen it yet. When it does not know, it says that
//! a client is behind, never that all is well.

mod client;
mod file;
mod form;
mod presence;
mod provider;

pub use client::{Client, ClientError, ClientSpec, Decision};
pub use file::FileFlags;
pub use form::{ReadForm, Share, ShareError, WriteForm, bucket};
pub use presence::ProcessMark;
pub use provider::{FlagError, FlagProvider, FlagVersion, Seen};
