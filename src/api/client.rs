//! What a screen knows of an engine, wherever it runs.

use crate::wire::{CommandEnvelope, Look, ServerMessage};
use futures_util::future::BoxFuture;

/// What comes from an engine, or instead of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The engine says something.
    Message(Box<ServerMessage>),
    /// The way to it is cut, and why; it is looked for.
    Lost(String),
    /// What it shows must not be believed, and why; nothing more of it comes.
    Refused(String),
}

/// One attached client.
pub trait Client: Send {
    /// Sends an act; the answer comes by [`Client::next`]. Never blocks. A
    /// repeat with the same key is one act.
    fn send(&mut self, command: CommandEnvelope);

    /// What comes next; `None` when the engine is gone for good. Dropping
    /// the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Option<Told>>;

    /// Asks to look at something; what is seen comes by [`Client::next`], or
    /// with the views. Whoever sees nothing coming asks again.
    fn look(&mut self, look: Look);

    /// Asks for everything again; it comes by [`Client::next`].
    fn ask_snapshot(&mut self);

    /// Says where this client looks, for others to see.
    fn here(&mut self, place: &str);
}
