//! What a screen knows of an engine, wherever it runs.

use crate::wire::{CommandEnvelope, Look, ServerMessage};
use futures_util::future::BoxFuture;

/// One attached client.
pub trait Client: Send {
    /// Sends an act; the answer comes by [`Client::next`]. Never blocks. A
    /// repeat with the same key is one act.
    fn send(&mut self, command: CommandEnvelope);

    /// The next message; `None` when the engine is gone for good. Dropping
    /// the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Option<ServerMessage>>;

    /// Asks to look at something; what is seen comes by [`Client::next`], or
    /// with the views. Whoever sees nothing coming asks again.
    fn look(&mut self, look: Look);

    /// Asks for everything again; it comes by [`Client::next`].
    fn ask_snapshot(&mut self);
}
