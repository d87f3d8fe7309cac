//! What a screen knows of an engine, wherever it runs.

use crate::wire::{CommandEnvelope, ServerMessage};
use futures_util::future::BoxFuture;

/// One attached client.
pub trait Client: Send {
    /// Sends an act; the answer comes by [`Client::next`]. Never blocks. A
    /// repeat with the same key is one act.
    fn send(&mut self, command: CommandEnvelope);

    /// The next message; `None` when the engine is gone for good. Dropping
    /// the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Option<ServerMessage>>;

    /// Asks what a merge restore would give; the views carry the count. Whoever
    /// sees none coming asks again.
    fn count_restore(&mut self);

    /// Asks for everything again; it comes by [`Client::next`].
    fn ask_snapshot(&mut self);
}
